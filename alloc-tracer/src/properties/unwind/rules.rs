//! Any rule comes back from its bits or is none; any bits that say something mean one thing, in whichever
//! way they are read.

use super::super::rule::{PackedRule, RULE_BITS, Rule};
use crate::properties::Input;

/// A kind, two offsets, and 31 bits.
pub fn any_rule_keeps_its_meaning(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let rule = any_rule(&mut input);
    let packed = rule.pack();
    assert!(
        packed.0 >> RULE_BITS == 0 && packed.0 != 0,
        "there is room for it, and it is not none: {rule:?}"
    );
    let unpacked = Rule::unpack(packed);
    assert_eq!(unpacked, if fits(rule) { rule } else { Rule::Unknown }, "{rule:?}");

    let bits = PackedRule(input.u32() & ((1 << RULE_BITS) - 1));
    let simple = match Rule::unpack(bits) {
        Rule::FromStackPointer { cfa_offset, saved_frame_pointer } => {
            Some((cfa_offset as usize, false, saved_frame_pointer))
        }
        Rule::FromFramePointer { cfa_offset, saved_frame_pointer } => {
            Some((cfa_offset as usize, true, saved_frame_pointer))
        }
        _ => None,
    };
    let fast = bits.simple().map(|(offset, from_frame_pointer)| {
        let saved = bits.saved_frame_pointer();
        (offset, from_frame_pointer, if saved == 0 { None } else { Some(saved as u16) })
    });
    assert_eq!(fast, simple, "the fast step and the slow one: {bits:?}");
    assert_eq!(Rule::unpack(Rule::unpack(bits).pack()), Rule::unpack(bits), "{bits:?}");
}

/// A rule as the tables may give it: offsets of any size.
pub(super) fn any_rule(input: &mut Input<'_>) -> Rule {
    let kind = input.u8();
    let (offset, saved) = (input.u32(), input.u16());
    let saved_frame_pointer = if saved == 0 { None } else { Some(saved) };
    match kind % 6 {
        0 => Rule::FromStackPointer { cfa_offset: offset, saved_frame_pointer },
        1 => Rule::FromFramePointer { cfa_offset: offset, saved_frame_pointer },
        2 => Rule::FromSavedWord { below_frame_pointer: offset },
        3 => Rule::SignalFrame,
        4 => Rule::Outermost,
        _ => Rule::Unknown,
    }
}

fn fits(rule: Rule) -> bool {
    match rule {
        Rule::FromStackPointer { cfa_offset, saved_frame_pointer }
        | Rule::FromFramePointer { cfa_offset, saved_frame_pointer } => {
            let saved = saved_frame_pointer.unwrap_or(0);
            is_offset(cfa_offset) && saved.is_multiple_of(8) && saved < 2048
        }
        Rule::FromSavedWord { below_frame_pointer } => is_offset(below_frame_pointer),
        _ => true,
    }
}

fn is_offset(bytes: u32) -> bool {
    bytes.is_multiple_of(8) && bytes < 8 << 20
}
