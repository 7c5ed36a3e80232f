//! What gimli reads in unwind tables, in this crate's own terms: the independent word on `program.rs`.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameOffset, EndianSlice, NativeEndian, RegisterRule, UnwindContext,
    UnwindExpression, UnwindSection as _, UnwindTableRow,
};

use super::super::bytes::Bytes;
use super::super::program::{Cfa, FRAME_POINTER, RETURN_ADDRESS, Row, Saved};
use super::super::rule::Rule;
use super::super::tables::Tables;
use crate::sys::modules::UnwindSection;

pub(in super::super) type Records = EhFrame<EndianSlice<'static, NativeEndian>>;

/// The records of a module, and where they are.
pub(in super::super) fn records(tables: &Tables) -> (Records, BaseAddresses) {
    let records = Records::new(tables.all_records(), NativeEndian);
    let start = tables.all_records().as_ptr().addr();
    (records, BaseAddresses::default().set_eh_frame(start as u64))
}

/// A row of gimli's as one of ours; `None` if it has numbers that ours have no room for.
pub(in super::super) fn row(row: &UnwindTableRow<usize>, records: &Records) -> Option<Row> {
    let bytes = |expression: UnwindExpression<usize>| Some(Bytes(expression.get(records).ok()?.0.slice()));
    let saved = |register| match row.register(gimli::Register(register)) {
        None | Some(RegisterRule::SameValue) => Some(Saved::InPlace),
        Some(RegisterRule::Undefined) => Some(Saved::Undefined),
        Some(RegisterRule::Offset(offset)) => Some(Saved::At(i32::try_from(offset).ok()?)),
        Some(RegisterRule::Expression(expression)) => Some(Saved::by(bytes(expression)?)),
        Some(_) => Some(Saved::Otherwise),
    };
    let cfa = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            Cfa::Register(register.0, i32::try_from(*offset).ok()?)
        }
        CfaRule::Expression(expression) => Cfa::by(bytes(*expression)?),
    };
    Some(Row { cfa, frame_pointer: saved(FRAME_POINTER)?, return_address: saved(RETURN_ADDRESS)? })
}

/// The rule that gimli's reading of the record for an address comes to, if it can read it.
pub(in super::super) fn rule(address: usize, section: &UnwindSection) -> Option<Rule> {
    let tables = Tables::of(section)?;
    let (records, bases) = records(&tables);
    let offset = EhFrameOffset(tables.offset_of(tables.entry_for(address)?.1)?);
    let function = records.fde_from_offset(&bases, offset, Records::cie_from_offset).ok()?;
    let mut context = UnwindContext::new();
    let found = function.unwind_info_for_address(&records, &bases, &mut context, address as u64).ok()?;
    row(found, &records)?.rule(function.is_signal_trampoline())
}
