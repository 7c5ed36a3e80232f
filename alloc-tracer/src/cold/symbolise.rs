//! Names for code addresses of this process, by the `backtrace` crate: functions with what was
//! inlined into them, files, lines. Each address is resolved once; addresses are taken in order, so
//! one module's debug information is finished before the next one is opened.
//! Broken by: `tests/profile_names.rs`.

use super::profile::{LocationId, Profile, SourceFrame, Symbolised};
use super::std::collections::BTreeMap;
use super::std::format;
use super::std::prelude::rust_2024::*;
use super::std::string::ToString;

/// Resolves every location of a profile of this very process that has no lines yet.
pub(crate) fn symbolise(profile: &mut Profile) {
    let mut by_address: BTreeMap<u64, LocationId> = BTreeMap::new();
    for (index, location) in profile.locations().iter().enumerate() {
        if location.lines.is_empty() && location.address != 0 {
            by_address.insert(location.address, LocationId(index as u32));
        }
    }
    for (address, id) in by_address {
        let frames = resolve(address);
        if frames.is_empty() {
            // Left as an address: `alloc-flamegraph symbolize` may know a binary that was not stripped.
            continue;
        }
        let found = frames.iter().fold(Symbolised::default(), |found, frame| Symbolised {
            functions: found.functions || !frame.name.is_empty(),
            filenames: found.filenames || !frame.file.is_empty(),
            line_numbers: found.line_numbers || frame.line != 0,
            inline_frames: found.inline_frames || frame.line != 0,
        });
        if let Some(module) = profile.location(id).module {
            let so_far = &mut profile.module_mut(module).symbolised;
            so_far.functions |= found.functions;
            so_far.filenames |= found.filenames;
            so_far.line_numbers |= found.line_numbers;
            so_far.inline_frames |= found.inline_frames;
        }
        profile.set_lines(id, &frames);
    }
}

/// The source frames at an address, innermost first; none where nothing is known.
fn resolve(address: u64) -> Vec<SourceFrame> {
    let mut frames = Vec::new();
    // The crate looks one byte below what it is given, as for a return address.
    let return_address = core::ptr::without_provenance_mut((address + 1) as usize);
    backtrace::resolve(return_address, |symbol| {
        let name = symbol.name();
        let demangled = name.as_ref().map(|name| format!("{name:#}")).unwrap_or_default();
        let system_name = name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_string();
        frames.push(SourceFrame {
            name: demangled,
            system_name,
            file: symbol.filename().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default(),
            line: symbol.lineno().unwrap_or(0),
            column: symbol.colno().unwrap_or(0),
        });
    });
    // A frame of which not even the function is known says nothing.
    frames.retain(|frame| !frame.name.is_empty());
    frames
}
