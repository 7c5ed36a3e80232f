//! A rule from the unwind tables (`.eh_frame_hdr`, `.eh_frame`), read in place by gimli with storage
//! of fixed size. Broken by: `hot/unwind/walk.rs` tests, `tests/differential_walk.rs`.

use core::slice;

use gimli::{
    BaseAddresses, CallFrameInstruction, CfaRule, EhFrame, EhFrameHdr, EndianSlice, Expression,
    FrameDescriptionEntry, NativeEndian, Operation, Register, RegisterRule, UnwindContext,
    UnwindContextStorage, UnwindSection as _, UnwindTableRow,
};

use super::rule::Rule;
use crate::sys::modules::UnwindSection;

/// Room for evaluating one function's table entry: 4 rows (the initial one, the current one, two
/// remembered ones) of 12 registers; a C or Rust function saves 6 at most.
pub(crate) struct Storage;

impl UnwindContextStorage<usize> for Storage {
    type Rules = [(Register, RegisterRule<usize>); 12];
    type Stack = [UnwindTableRow<usize, Storage>; 4];
}

/// gimli's working memory.
pub(crate) type Context = UnwindContext<usize, Storage>;

const FRAME_POINTER: Register = gimli::X86_64::RBP;
const STACK_POINTER: Register = gimli::X86_64::RSP;
const RETURN_ADDRESS: Register = gimli::X86_64::RA;

/// The rule that holds at `address`, an address inside the calling instruction, in the module with this section.
pub(crate) fn rule_at(address: usize, section: &UnwindSection, context: &mut Context) -> Rule {
    find(address, section, context).unwrap_or(Rule::Unknown)
}

type Bytes = EndianSlice<'static, NativeEndian>;

fn find(address: usize, section: &UnwindSection, context: &mut Context) -> Option<Rule> {
    let header_bytes = section.module_end.checked_sub(section.header)?;
    // SAFETY: the module that holds `address` stays loaded while a frame of it is on the stack, and
    // its unwind table lies in a segment that the dynamic linker mapped for reading. How long the
    // table is stands in itself: gimli reads as far as it says, the rest of the module bounds it.
    let header = unsafe { bytes_at(section.header, header_bytes) };
    // Every linker counts the entries in 4 bytes, and gimli's search overflows with counts that need more.
    if header.slice().get(2) != Some(&gimli::DW_EH_PE_udata4.0) {
        return None;
    }
    let bases = BaseAddresses::default().set_eh_frame_hdr(section.header as u64);
    let header = EhFrameHdr::from(header).parse(&bases, size_of::<usize>() as u8).ok()?;
    let gimli::Pointer::Direct(table_start) = header.eh_frame_ptr() else { return None };
    if (table_start as usize) < section.module_start {
        return None;
    }
    let table_bytes = section.module_end.checked_sub(table_start as usize)?;
    // SAFETY: as above; `.eh_frame` lies in the module of its header, which says where it begins, and it
    // does begin there.
    let frames = unsafe { bytes_at(table_start as usize, table_bytes) };
    let mut frames = EhFrame::from(frames);
    frames.set_address_size(size_of::<usize>() as u8);
    let bases = bases.set_eh_frame(table_start);
    let entry = header.table()?.lookup(address as u64, &bases).ok()?;
    let gimli::Pointer::Direct(entry) = entry else { return None };
    let offset = gimli::EhFrameOffset((entry.checked_sub(table_start)?) as usize);
    let fde = frames.fde_from_offset(&bases, offset, EhFrame::cie_from_offset).ok()?;
    if !fde.contains(address as u64) {
        return None;
    }
    if fde.is_signal_trampoline() && is_kernels(&fde, &frames, &bases) {
        return Some(Rule::SignalFrame);
    }
    let row = fde.unwind_info_for_address(&frames, &bases, context, address as u64).ok()?;
    rule_of(row, &frames)
}

/// Whether the return address lies where the kernel saves it. Libraries for coroutines mark the first
/// function of a stack as a signal's as well, so that unwinders look up its exact address.
fn is_kernels(fde: &FrameDescriptionEntry<Bytes>, frames: &EhFrame<Bytes>, bases: &BaseAddresses) -> bool {
    let mut instructions = fde.instructions(frames, bases);
    core::iter::from_fn(|| instructions.next().ok().flatten()).any(|instruction| {
        matches!(instruction, CallFrameInstruction::Expression { register: RETURN_ADDRESS, .. })
    })
}

fn rule_of(row: &UnwindTableRow<usize, Storage>, frames: &EhFrame<Bytes>) -> Option<Rule> {
    match row.register(RETURN_ADDRESS) {
        Some(RegisterRule::Undefined) => return Some(Rule::Outermost),
        Some(RegisterRule::Offset(-8)) => {}
        _ => return None,
    }
    if let CfaRule::Expression(cfa) = row.cfa() {
        // A function that realigned its stack. Its caller's frame pointer is where its own points.
        let Some(RegisterRule::Expression(saved)) = row.register(FRAME_POINTER) else { return None };
        let below_frame_pointer =
            u32::try_from(saved_word(cfa.get(frames).ok()?, true)?.checked_neg()?).ok()?;
        return match saved_word(saved.get(frames).ok()?, false)? {
            0 => Some(Rule::FromSavedWord { below_frame_pointer }),
            _ => None,
        };
    }
    let saved_frame_pointer = match row.register(FRAME_POINTER) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => None,
        Some(RegisterRule::Offset(offset)) => Some(u16::try_from(offset.checked_neg()?).ok()?),
        _ => return None,
    };
    let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else { return None };
    let cfa_offset = u32::try_from(*offset).ok()?;
    match *register {
        STACK_POINTER => Some(Rule::FromStackPointer { cfa_offset, saved_frame_pointer }),
        FRAME_POINTER => Some(Rule::FromFramePointer { cfa_offset, saved_frame_pointer }),
        _ => None,
    }
}

/// The n of an expression `frame pointer + n`, which a load of the word there must follow or not.
fn saved_word(expression: Expression<Bytes>, loads: bool) -> Option<i64> {
    let encoding = gimli::Encoding { format: gimli::Format::Dwarf32, version: 4, address_size: 8 };
    let mut operations = expression.operations(encoding);
    let Ok(Some(Operation::RegisterOffset { register: FRAME_POINTER, offset, .. })) = operations.next()
    else {
        return None;
    };
    if loads && !matches!(operations.next(), Ok(Some(Operation::Deref { size: 8, space: false, .. }))) {
        return None;
    }
    matches!(operations.next(), Ok(None)).then_some(offset)
}

/// # Safety
/// `len` bytes from `start` are readable and stay so while the walk that asked runs.
unsafe fn bytes_at(start: usize, len: usize) -> EndianSlice<'static, NativeEndian> {
    let start = core::ptr::with_exposed_provenance(start);
    // SAFETY: by this function's contract.
    EndianSlice::new(unsafe { slice::from_raw_parts(start, len) }, NativeEndian)
}
