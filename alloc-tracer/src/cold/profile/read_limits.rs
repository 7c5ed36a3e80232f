//! How much of a file is read before giving up, and the account that is kept meanwhile: a small file may
//! unpack to a large one, and a few bytes of that may stand for many frames or much memory.
//! Broken by: `tests/pprof_amplification.rs`, `tests/pprof_hostile_files.rs`.

use super::read_error::ReadError;

/// How much of a file is read before giving up. All limits follow from one.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Most bytes that the file may have when unpacked; 256 MiB by default. A profile of a quarter of a
    /// million stacks has about 30 MB.
    pub unpacked_bytes: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        ReadLimits { unpacked_bytes: 256 << 20 }
    }
}

impl ReadLimits {
    /// Most frames of one stack, inlined ones included: 65,536.
    pub const STACK_FRAMES: u64 = 1 << 16;
    /// Most comments: 65,536.
    pub const COMMENTS: u64 = 1 << 16;

    /// Most bytes that the profile may take up in memory: eight times the unpacked bytes, at least 64 MiB.
    pub fn memory_bytes(&self) -> u64 {
        self.unpacked_bytes.saturating_mul(8).max(64 << 20)
    }

    /// Most frames of all stacks together, inlined ones included: one for each byte that the file may
    /// have, at least 16,777,216.
    pub fn frames(&self) -> u64 {
        self.unpacked_bytes.max(1 << 24)
    }
}

/// What is left of the limits.
pub(super) struct Account {
    limits: ReadLimits,
    memory_bytes: u64,
    frames: u64,
}

impl Account {
    pub(super) fn new(limits: ReadLimits) -> Account {
        Account { limits, memory_bytes: limits.memory_bytes(), frames: limits.frames() }
    }

    /// Takes what one more `T` in a growing list needs, and `more` bytes.
    pub(super) fn take<T>(&mut self, more: usize) -> Result<(), ReadError> {
        // A list that grows has room for twice its entries.
        let bytes = (2 * size_of::<T>()).saturating_add(more) as u64;
        let too_much = ReadError::TooMuch { what: "bytes in memory", limit: self.limits.memory_bytes() };
        self.memory_bytes = self.memory_bytes.checked_sub(bytes).ok_or(too_much)?;
        Ok(())
    }

    /// The bytes of memory that are left.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Takes the frames of one stack.
    pub(super) fn take_stack(&mut self, frames: u64) -> Result<(), ReadError> {
        if frames > ReadLimits::STACK_FRAMES {
            return Err(ReadError::TooMuch { what: "frames in a stack", limit: ReadLimits::STACK_FRAMES });
        }
        let too_much = ReadError::TooMuch { what: "frames in all stacks", limit: self.limits.frames() };
        self.frames = self.frames.checked_sub(frames).ok_or(too_much)?;
        Ok(())
    }
}
