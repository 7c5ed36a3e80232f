//! How to get from a frame to its caller on x86-64, in 31 bits. Broken by: the tests below.

/// Where the caller's frame begins (its canonical frame address, CFA), and what the caller's frame
/// pointer was. The return address always lies just below the CFA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// CFA = stack pointer + offset.
    FromStackPointer { cfa_offset: u32, saved_frame_pointer: Option<u16> },
    /// CFA = frame pointer + offset.
    FromFramePointer { cfa_offset: u32, saved_frame_pointer: Option<u16> },
    /// CFA = the word at frame pointer − offset, and the caller's frame pointer is the word that the
    /// frame pointer points to: functions that realign their stack.
    FromSavedWord { below_frame_pointer: u32 },
    /// A signal handler's return: the kernel saved all registers on the stack.
    SignalFrame,
    /// The thread's first function.
    Outermost,
    /// No rule that fits.
    Unknown,
}

/// A rule in 31 bits: its kind, where the frame pointer was saved, and an offset.
///
/// ```text
///   bits 0..2: kind    3..10: (CFA - where the frame pointer was saved) / 8, or 0    11..30: offset / 8
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedRule(pub(crate) u32);

impl PackedRule {
    /// The CFA offset in bytes, if the CFA is relative to one of the two registers, with whether that is
    /// the frame pointer.
    #[inline(always)]
    pub(crate) fn simple(self) -> Option<(usize, bool)> {
        let kind = self.0 & ((1 << KIND_BITS) - 1);
        // 1 and 2, without a branch for each.
        if kind.wrapping_sub(1) > 1 {
            return None;
        }
        Some((((self.0 >> (KIND_BITS + SAVED_BITS)) as usize).wrapping_mul(8), kind == 2))
    }

    /// How many bytes below the CFA the caller's frame pointer was saved; 0 if it was not.
    #[inline(always)]
    pub(crate) fn saved_frame_pointer(self) -> usize {
        (((self.0 >> KIND_BITS) & ((1 << SAVED_BITS) - 1)) as usize).wrapping_mul(8)
    }
}

/// Bits of a packed rule.
pub(crate) const RULE_BITS: u32 = 31;

const KIND_BITS: u32 = 3;
const SAVED_BITS: u32 = 8;
const OFFSET_BITS: u32 = RULE_BITS - KIND_BITS - SAVED_BITS;

impl Rule {
    /// The rule that offsets in bytes give: multiples of 8, `saved_frame_pointer` counted down from
    /// the CFA. [`Rule::Unknown`] if an offset has no room (a frame over 8 MiB).
    pub(crate) fn pack(self) -> PackedRule {
        let (kind, offset, saved) = match self {
            Rule::FromStackPointer { cfa_offset, saved_frame_pointer } => {
                (1, cfa_offset, saved_frame_pointer)
            }
            Rule::FromFramePointer { cfa_offset, saved_frame_pointer } => {
                (2, cfa_offset, saved_frame_pointer)
            }
            Rule::FromSavedWord { below_frame_pointer } => (3, below_frame_pointer, None),
            Rule::SignalFrame => (4, 0, None),
            Rule::Outermost => (5, 0, None),
            Rule::Unknown => (6, 0, None),
        };
        let saved = u32::from(saved.unwrap_or(0));
        let fits = offset % 8 == 0
            && saved % 8 == 0
            && (offset / 8) >> OFFSET_BITS == 0
            && (saved / 8) >> SAVED_BITS == 0;
        match fits {
            true => PackedRule(kind | (saved / 8) << KIND_BITS | (offset / 8) << (KIND_BITS + SAVED_BITS)),
            false => Rule::Unknown.pack(),
        }
    }

    pub(crate) fn unpack(PackedRule(packed): PackedRule) -> Rule {
        let saved = ((packed >> KIND_BITS) & ((1 << SAVED_BITS) - 1)) as u16;
        let saved_frame_pointer = if saved == 0 { None } else { Some(saved.wrapping_mul(8)) };
        let offset = (packed >> (KIND_BITS + SAVED_BITS)).wrapping_mul(8);
        match packed & ((1 << KIND_BITS) - 1) {
            1 => Rule::FromStackPointer { cfa_offset: offset, saved_frame_pointer },
            2 => Rule::FromFramePointer { cfa_offset: offset, saved_frame_pointer },
            3 => Rule::FromSavedWord { below_frame_pointer: offset },
            4 => Rule::SignalFrame,
            5 => Rule::Outermost,
            _ => Rule::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_comes_back_from_its_bits_and_one_without_room_is_unknown() {
        for rule in [
            Rule::FromStackPointer { cfa_offset: 8, saved_frame_pointer: None },
            Rule::FromStackPointer { cfa_offset: (1 << 23) - 8, saved_frame_pointer: Some(2040) },
            Rule::FromFramePointer { cfa_offset: 16, saved_frame_pointer: Some(16) },
            Rule::FromSavedWord { below_frame_pointer: 8 },
            Rule::SignalFrame,
            Rule::Outermost,
            Rule::Unknown,
        ] {
            assert_eq!(Rule::unpack(rule.pack()), rule);
            assert!(rule.pack().0 >> RULE_BITS == 0 && rule.pack().0 != 0);
            let simple = match rule {
                Rule::FromStackPointer { cfa_offset, .. } => Some((cfa_offset as usize, false)),
                Rule::FromFramePointer { cfa_offset, .. } => Some((cfa_offset as usize, true)),
                _ => None,
            };
            assert_eq!(rule.pack().simple(), simple);
        }
        for misfit in [
            Rule::FromStackPointer { cfa_offset: 1 << 23, saved_frame_pointer: None },
            Rule::FromStackPointer { cfa_offset: 12, saved_frame_pointer: None },
            Rule::FromFramePointer { cfa_offset: 16, saved_frame_pointer: Some(2048) },
        ] {
            assert_eq!(Rule::unpack(misfit.pack()), Rule::Unknown);
        }
    }
}
