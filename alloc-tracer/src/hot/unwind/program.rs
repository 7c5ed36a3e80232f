//! A function's unwind program (DWARF 5, 6.4.2), run up to one address, for the three things that a walk needs:
//! the caller's frame (CFA), its frame pointer, and the return address. gimli's evaluation keeps all
//! registers and takes 2 KiB of the program's stack; this takes a few hundred bytes.
//! Broken by: the tests below, which compare the two over whole libraries.

use super::bytes::Bytes;
use super::rule::Rule;
use super::stack_use::StackUse;
use super::tables::{Function, Kind, Tables};
use crate::sys::modules::UnwindSection;

/// The rule that holds at `address`, an address inside the calling instruction, in the module with this section.
#[inline(never)]
pub(super) fn rule_at(address: usize, section: &UnwindSection, stack_use: &mut StackUse) -> Rule {
    let mut row = || {
        let tables = Tables::of(section)?;
        let function = tables.function(tables.entry_for(address)?.1)?;
        let address = address as u64;
        if address < function.start || address >= function.end {
            return None;
        }
        row_at(address, &function, stack_use).and_then(|row| row.rule(function.kind.is_signals))
    };
    row().unwrap_or(Rule::Unknown)
}

/// Where the caller's frame, its frame pointer and the return address are, at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) cfa: Cfa,
    pub(super) frame_pointer: Saved,
    pub(super) return_address: Saved,
}

/// Where the caller's frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cfa {
    /// So many bytes from what a register holds.
    Register(u16, i32),
    /// Where the word says that lies so many bytes from the frame pointer.
    Word(i32),
    /// Where another expression says.
    Computed,
}

/// Where the caller's value of a register is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// Nothing was said about it, or that it is still there.
    InPlace,
    /// Nowhere.
    Undefined,
    /// So many bytes from the CFA.
    At(i32),
    /// So many bytes from the frame pointer.
    AtFramePointer(i32),
    /// At the address that another expression computes.
    Computed,
    /// In a way that no compiler uses for these registers.
    Otherwise,
}

/// Registers as DWARF numbers them (System V ABI for x86-64, figure 3.36).
pub(super) const FRAME_POINTER: u16 = 6;
const STACK_POINTER: u16 = 7;
pub(super) const RETURN_ADDRESS: u16 = 16;
/// No frame begins from it, until the program names one.
const NOT_SAID: u16 = u16::MAX;

impl Row {
    /// The rule that this comes to, in a record of signals' frames or another.
    pub(super) fn rule(&self, is_signals: bool) -> Option<Rule> {
        match self.return_address {
            Saved::Undefined => return Some(Rule::Outermost),
            Saved::At(-8) => {}
            // What the kernel saves, it saves at addresses to be computed. Libraries for coroutines mark the
            // first function of a stack as a signal's as well, so that unwinders look up its exact address.
            Saved::Computed if is_signals => return Some(Rule::SignalFrame),
            _ => return None,
        }
        let (register, offset) = match self.cfa {
            Cfa::Register(register, offset) => (register, offset),
            // A function that realigned its stack. Its caller's frame pointer is where its own points.
            Cfa::Word(offset) if self.frame_pointer == Saved::AtFramePointer(0) => {
                let below_frame_pointer = u32::try_from(offset.checked_neg()?).ok()?;
                return Some(Rule::FromSavedWord { below_frame_pointer });
            }
            Cfa::Word(_) | Cfa::Computed => return None,
        };
        let saved_frame_pointer = match self.frame_pointer {
            Saved::InPlace | Saved::Undefined => None,
            Saved::At(offset) => Some(u16::try_from(offset.checked_neg()?).ok()?),
            Saved::AtFramePointer(_) | Saved::Computed | Saved::Otherwise => return None,
        };
        let cfa_offset = u32::try_from(offset).ok()?;
        match register {
            STACK_POINTER => Some(Rule::FromStackPointer { cfa_offset, saved_frame_pointer }),
            FRAME_POINTER => Some(Rule::FromFramePointer { cfa_offset, saved_frame_pointer }),
            _ => None,
        }
    }
}

impl Cfa {
    pub(super) fn by(expression: Bytes) -> Cfa {
        match after_frame_pointer(expression) {
            Some((offset, [LOAD])) => Cfa::Word(offset),
            _ => Cfa::Computed,
        }
    }
}

impl Saved {
    pub(super) fn by(expression: Bytes) -> Saved {
        match after_frame_pointer(expression) {
            Some((offset, [])) => Saved::AtFramePointer(offset),
            _ => Saved::Computed,
        }
    }
}

/// The n of an expression that begins with `frame pointer + n`, and how it goes on.
fn after_frame_pointer(mut expression: Bytes) -> Option<(i32, &'static [u8])> {
    if expression.byte()? != FRAME_POINTER_PLUS {
        return None;
    }
    let offset = i32::try_from(expression.signed()?).ok()?;
    Some((offset, expression.0))
}

/// Operations of expressions (DWARF 5, 7.7.1).
const FRAME_POINTER_PLUS: u8 = 0x76;
const LOAD: u8 = 0x06;

/// Runs the program of a function up to `address`. `None` if it is not one that makes sense.
#[inline(never)]
fn row_at(address: u64, function: &Function, stack_use: &mut StackUse) -> Option<Row> {
    stack_use.look();
    let row = Row {
        cfa: Cfa::Register(NOT_SAID, 0),
        frame_pointer: Saved::InPlace,
        return_address: Saved::InPlace,
    };
    let (initial, remembered) = (None, [None; REMEMBERED_ROWS]);
    let mut machine = Machine { row, initial, remembered, location: function.start };
    // The shared program is for all addresses of all its functions.
    machine.run(function.shared_program, &function.kind, u64::MAX)?;
    machine.initial = Some(machine.row);
    machine.location = function.start;
    machine.run(function.program, &function.kind, address)?;
    Some(machine.row)
}

/// How many rows a program may remember at one time. Compilers write at most one.
const REMEMBERED_ROWS: usize = 3;

struct Machine {
    row: Row,
    /// The row that all functions of this kind begin with, once it is known.
    initial: Option<Row>,
    remembered: [Option<Row>; REMEMBERED_ROWS],
    location: u64,
}

impl Machine {
    fn run(&mut self, mut program: Bytes, kind: &Kind, address: u64) -> Option<()> {
        while self.location <= address && !program.0.is_empty() {
            self.carry_out_next(&mut program, kind)?;
        }
        Some(())
    }

    /// Carries out one instruction.
    fn carry_out_next(&mut self, program: &mut Bytes, kind: &Kind) -> Option<()> {
        let instruction = program.byte()?;
        let low = instruction & 0x3f;
        // Steps of offsets, and offsets, in what they are kept in.
        let scaled = |steps: i64| i32::try_from(steps.checked_mul(kind.data_factor)?).ok();
        let positive = |number: u64| i64::try_from(number).ok();
        let register = |number: u64| u16::try_from(number).ok();
        match instruction {
            // advance_loc, offset, restore: an operand in the lower bits.
            0x40..=0x7f => self.advance(low.into(), kind)?,
            0x80..=0xbf => self.set(low.into(), Saved::At(scaled(positive(program.unsigned()?)?)?)),
            0xc0..=0xff => self.restore(low.into())?,
            // nop; GNU_args_size
            0x00 => {}
            0x2e => _ = program.unsigned()?,
            // advance_loc1, 2, 4
            0x02 => self.advance(program.byte()?.into(), kind)?,
            0x03 => self.advance(u16::from_le_bytes(program.array()?).into(), kind)?,
            0x04 => self.advance(program.u32()?.into(), kind)?,
            // offset_extended, offset_extended_sf
            0x05 => {
                let saved = register(program.unsigned()?)?;
                self.set(saved, Saved::At(scaled(positive(program.unsigned()?)?)?));
            }
            0x11 => {
                let saved = register(program.unsigned()?)?;
                self.set(saved, Saved::At(scaled(program.signed()?)?));
            }
            // restore_extended, undefined, same_value
            0x06 => self.restore(register(program.unsigned()?)?)?,
            0x07 => self.set(register(program.unsigned()?)?, Saved::Undefined),
            0x08 => self.set(register(program.unsigned()?)?, Saved::InPlace),
            // register and val_offset; val_offset_sf; val_expression
            0x09 | 0x14 => {
                self.set(register(program.unsigned()?)?, Saved::Otherwise);
                program.unsigned()?;
            }
            0x15 => {
                self.set(register(program.unsigned()?)?, Saved::Otherwise);
                program.signed()?;
            }
            0x16 => {
                self.set(register(program.unsigned()?)?, Saved::Otherwise);
                block(program)?;
            }
            // remember_state, restore_state
            0x0a => *self.remembered.iter_mut().find(|row| row.is_none())? = Some(self.row),
            0x0b => self.row = self.remembered.iter_mut().rev().find_map(Option::take)?,
            // def_cfa, def_cfa_sf, def_cfa_register, def_cfa_offset, def_cfa_offset_sf, def_cfa_expression
            0x0c => {
                let from = register(program.unsigned()?)?;
                self.row.cfa = Cfa::Register(from, i32::try_from(program.unsigned()?).ok()?);
            }
            0x12 => {
                let from = register(program.unsigned()?)?;
                self.row.cfa = Cfa::Register(from, scaled(program.signed()?)?);
            }
            0x0d => {
                let Cfa::Register(_, offset) = self.row.cfa else { return None };
                self.row.cfa = Cfa::Register(register(program.unsigned()?)?, offset);
            }
            0x0e => {
                let Cfa::Register(from, _) = self.row.cfa else { return None };
                self.row.cfa = Cfa::Register(from, i32::try_from(program.unsigned()?).ok()?);
            }
            0x13 => {
                let Cfa::Register(from, _) = self.row.cfa else { return None };
                self.row.cfa = Cfa::Register(from, scaled(program.signed()?)?);
            }
            0x0f => self.row.cfa = Cfa::by(block(program)?),
            // expression
            0x10 => {
                let saved = register(program.unsigned()?)?;
                self.set(saved, Saved::by(block(program)?));
            }
            _ => return None,
        }
        Some(())
    }

    fn advance(&mut self, steps: u64, kind: &Kind) -> Option<()> {
        self.location = self.location.checked_add(kind.code_factor.checked_mul(steps)?)?;
        Some(())
    }

    fn restore(&mut self, register: u16) -> Option<()> {
        let initial = self.initial?;
        match register {
            FRAME_POINTER => self.row.frame_pointer = initial.frame_pointer,
            RETURN_ADDRESS => self.row.return_address = initial.return_address,
            _ => {}
        }
        Some(())
    }

    fn set(&mut self, register: u16, saved: Saved) {
        match register {
            FRAME_POINTER => self.row.frame_pointer = saved,
            RETURN_ADDRESS => self.row.return_address = saved,
            _ => {}
        }
    }
}

/// An expression: its length and so many bytes.
fn block(program: &mut Bytes) -> Option<Bytes> {
    let length = program.unsigned()?;
    program.take(usize::try_from(length).ok()?)
}

#[cfg(test)]
#[cfg(feature = "profile")]
mod tests {
    use gimli::{CieOrFde, EndianSlice, NativeEndian, UnwindContext, UnwindSection as _};

    use super::super::properties::gimlis_rows::{self, Records};
    use super::*;
    use crate::sys::modules;

    #[test]
    fn every_row_of_this_program_and_of_the_c_library_is_the_one_that_gimli_finds() {
        modules::prepare();
        let (mut functions, mut rows) = (0, 0);
        let here = every_row_of_this_program_and_of_the_c_library_is_the_one_that_gimli_finds as *const ();
        for address in [here.addr(), (libc::malloc as *const ()).addr()] {
            let section = modules::unwind_section(address).unwrap();
            let tables = Tables::of(&section).unwrap();
            let (records, bases) = gimlis_rows::records(&tables);
            let mut entries = records.entries(&bases);
            let mut context = UnwindContext::new();
            while let Some(entry) = entries.next().unwrap() {
                let CieOrFde::Fde(partial) = entry else { continue };
                let theirs = partial.parse(Records::cie_from_offset).unwrap();
                let entry = tables.entry_for(theirs.initial_address() as usize).unwrap().1;
                let ours = tables.function(entry).unwrap();
                assert_eq!((ours.start, ours.end), (theirs.initial_address(), theirs.end_address()));
                assert_eq!(ours.kind.is_signals, theirs.is_signal_trampoline());
                let mut table = theirs.rows(&records, &bases, &mut context).unwrap();
                while let Some(row) = table.next_row().unwrap() {
                    for address in [row.start_address(), row.end_address() - 1] {
                        let found = row_at(address, &ours, &mut StackUse::default());
                        assert_eq!(found, gimlis_rows::row(row, &records), "{address:#x}");
                    }
                    rows += 1;
                }
                functions += 1;
            }
        }
        assert!(functions > 5_000 && rows > 20_000, "{functions} functions, {rows} rows");
    }

    #[test]
    fn numbers_in_groups_of_seven_bits_are_read_as_gimli_reads_them() {
        use gimli::Reader as _;
        let ends = [0x00, 0x01, 0x3f, 0x40, 0x7e, 0x7f];
        for groups in 0..12 {
            for (more, end) in [0x80, 0x81, 0xff].into_iter().flat_map(|more| ends.map(|end| (more, end))) {
                let mut bytes = std::vec![more; groups];
                bytes.push(end);
                let bytes: &'static [u8] = bytes.leak();
                let theirs = || EndianSlice::new(bytes, NativeEndian);
                assert_eq!(Bytes(bytes).unsigned(), theirs().read_uleb128().ok(), "{bytes:x?}");
                assert_eq!(Bytes(bytes).signed(), theirs().read_sleb128().ok(), "{bytes:x?}");
            }
        }
    }

    extern crate std;
}
