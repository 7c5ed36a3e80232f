//! Bytes of an unwind table, read from the front; every reading may find too few. Numbers are as DWARF
//! writes them, little-endian or in groups of seven bits (DWARF 5, 7.6). Broken by: the tests of `program.rs`.

/// What is left to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) &'static [u8]);

impl Bytes {
    /// The next bytes, by themselves.
    pub(super) fn take(&mut self, count: usize) -> Option<Bytes> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(Bytes(taken))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number without sign in groups of seven bits.
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let (bits, _) = self.groups()?;
        u64::try_from(bits).ok()
    }

    /// A number with sign in groups of seven bits.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let (bits, used) = self.groups()?;
        let unused = 128_u32.checked_sub(used)?;
        i64::try_from(bits.wrapping_shl(unused).cast_signed().wrapping_shr(unused)).ok()
    }

    /// The bits of a number, and how many there are: at most 70.
    fn groups(&mut self) -> Option<(u128, u32)> {
        let mut bits = 0_u128;
        for index in 0..10_u32 {
            let byte = self.byte()?;
            bits |= u128::from(byte & 0x7f) << index.wrapping_mul(7);
            if byte & 0x80 == 0 {
                return Some((bits, index.wrapping_add(1).wrapping_mul(7)));
            }
        }
        None
    }
}
