//! A binary on disk: its build id, its segments, and the names that it or its debug file has for
//! addresses. Names addr2line, object and rustc-demangle; knows no profile but the shape of a module.
//! Broken by: `tests/symbolize_binary.rs`.

use std::fs::File;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use alloc_tracer::profile::{Module, SourceFrame};
use object::read::ReadCache;
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol};

/// What is known about a binary without reading its names.
#[derive(Debug, Clone)]
pub(super) struct Binary {
    pub(super) path: PathBuf,
    /// In lower-case hexadecimal, or empty.
    pub(super) build_id: String,
    segments: Vec<Segment>,
    has_debug_info: bool,
    has_symbols: bool,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    address: u64,
    file_offset: u64,
    file_size: u64,
    is_executable: bool,
}

/// Most frames at one address: what is inlined into what comes from the file.
const MOST_INLINED: usize = 1000;

const PAGE_MASK: u64 = !0xfff;

impl Binary {
    pub(super) fn open(path: &Path) -> Result<Binary, String> {
        let in_words = |error: std::io::Error| error.to_string();
        // The path may come from a stranger's profile: a pipe would be waited for, a device read on
        // and on.
        if !std::fs::metadata(path).map_err(in_words)?.is_file() {
            return Err("not a regular file".into());
        }
        let cache = ReadCache::new(File::open(path).map_err(in_words)?);
        let object = object::File::parse(&cache).map_err(|error| format!("not a binary: {error}"))?;
        let build_id = object.build_id().ok().flatten().unwrap_or_default();
        let segments = object.segments().map(|segment| {
            let (file_offset, file_size) = segment.file_range();
            let is_executable = segment.permissions().executable();
            Segment { address: segment.address(), file_offset, file_size, is_executable }
        });
        let has_code_names = object.symbols().any(|symbol| symbol.is_definition() && symbol.size() > 0)
            || object.dynamic_symbols().any(|symbol| symbol.is_definition() && symbol.size() > 0);
        Ok(Binary {
            path: path.to_owned(),
            build_id: build_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            segments: segments.collect(),
            has_debug_info: object.section_by_name(".debug_info").is_some_and(|section| section.size() > 0),
            has_symbols: has_code_names,
        })
    }

    /// Whether the segments' contents are in the file, and with them their true offsets; separate
    /// debug files have neither.
    fn has_code(&self) -> bool {
        self.segments.iter().any(|segment| segment.is_executable && segment.file_size > 0)
    }
}

/// Names for the addresses of one module, out of the binary and its debug file.
pub(super) struct Resolver {
    loader: Loader,
    segments: Vec<Segment>,
    has_code: bool,
    has_debug_info: bool,
}

impl Resolver {
    /// The names from the best of the candidates, all of the same build: one with debug information,
    /// else one with a symbol table. The segments come from one that still has its code.
    pub(super) fn of(candidates: &[Binary]) -> Result<Resolver, String> {
        let with_names = candidates
            .iter()
            .find(|binary| binary.has_debug_info)
            .or_else(|| candidates.iter().find(|binary| binary.has_symbols))
            .ok_or(match candidates.first() {
                Some(stripped) => format!("{} is stripped of its names", stripped.path.display()),
                None => "no binary was found".to_owned(),
            })?;
        let with_code = candidates.iter().find(|binary| binary.has_code()).unwrap_or(with_names);
        let loader = Loader::new(&with_names.path)
            .map_err(|error| format!("{}: {error}", with_names.path.display()))?;
        Ok(Resolver {
            loader,
            segments: with_code.segments.clone(),
            has_code: with_code.has_code(),
            has_debug_info: with_names.has_debug_info,
        })
    }

    /// Whether the names come from debug information, which knows what was inlined.
    pub(super) fn has_inlined_frames(&self) -> bool {
        self.has_debug_info
    }

    /// The source lines at an address of the process, innermost first; empty if it has no name.
    pub(super) fn frames(&self, module: &Module, address: u64) -> Vec<SourceFrame> {
        let Some(address) = self.virtual_address(module, address) else { return Vec::new() };
        let symbol = self.loader.find_symbol(address);
        let mut resolved = Vec::new();
        if let Ok(mut frames) = self.loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next()
                && resolved.len() < MOST_INLINED
            {
                let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
                let mut source = named(name.as_deref().unwrap_or_default());
                if let Some(location) = frame.location {
                    source.file = location.file.unwrap_or_default().to_owned();
                    source.line = location.line.unwrap_or(0);
                    source.column = location.column.unwrap_or(0);
                }
                resolved.push(source);
            }
        }
        match (resolved.last_mut(), symbol) {
            // The outermost frame is the one that the symbol table knows, often with a better name:
            // without a linkage name, debug information has only the last part of a path.
            (Some(outermost), Some(symbol)) if outermost.name == outermost.system_name => {
                let SourceFrame { name, system_name, .. } = named(symbol);
                (outermost.name, outermost.system_name) = (name, system_name);
            }
            (None, Some(symbol)) => resolved.push(named(symbol)),
            _ => {}
        }
        resolved.retain(|frame| !frame.name.is_empty());
        resolved
    }

    /// The address as the linker gave it out, which is neither the address in the process nor the
    /// offset in the file: the segments say which part of the file goes where.
    fn virtual_address(&self, module: &Module, address: u64) -> Option<u64> {
        let within = address.checked_sub(module.start)?;
        let first = self.segments.iter().min_by_key(|segment| segment.address)?;
        let whole_image = within.checked_add(first.address & PAGE_MASK);
        let offset = within.checked_add(module.file_offset)?;
        if !self.has_code {
            // A separate debug file has lost the offsets but not the addresses of its segments.
            let code = self.segments.iter().find(|segment| segment.is_executable)?;
            return match module.file_offset {
                0 => whole_image,
                _ => within.checked_add(code.address & PAGE_MASK),
            };
        }
        let holds = |segment: &&Segment| {
            segment.is_executable
                && (segment.file_offset..segment.file_offset.saturating_add(segment.file_size))
                    .contains(&offset)
        };
        // Some producers give one range for all segments of a program. It starts at offset 0 and is
        // longer than the segment that it starts with.
        let start = self.segments.iter().find(|segment| segment.file_offset == 0);
        let length = module.limit.saturating_sub(module.start);
        let pages =
            start.map_or(u64::MAX, |segment| segment.file_size.saturating_add(!PAGE_MASK) & PAGE_MASK);
        if module.file_offset == 0 && length > pages {
            return whole_image;
        }
        let segment = self.segments.iter().find(holds)?;
        (offset - segment.file_offset).checked_add(segment.address)
    }
}

/// A frame with the linker's name and, for Rust, the written one without the hash. Equal names would
/// make pprof shorten `<T as Trait>::f` to `::f`.
fn named(symbol: &str) -> SourceFrame {
    let name = match rustc_demangle::try_demangle(symbol) {
        Ok(demangled) => format!("{demangled:#}"),
        Err(_) => symbol.to_owned(),
    };
    SourceFrame { name, system_name: symbol.to_owned(), ..SourceFrame::default() }
}
