//! Names for the addresses of a profile that was written without symbols or by a stripped program:
//! for every module a binary with the same build id, wherever one is found. Names the profile model
//! and `binary`. Broken by: `tests/symbolize_binary.rs`.

mod binary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloc_tracer::Profile;
use alloc_tracer::profile::{LocationId, Module, ModuleId};

use crate::frame_name::printable;
use binary::{Binary, Resolver};

/// What became of the addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Symbolized {
    /// How many addresses have names now.
    pub resolved: usize,
    /// How many have none.
    pub unresolved: usize,
    /// The modules for which no binary with names was found.
    pub missing: Vec<MissingModule>,
    /// How much the names take up, each counted as often as it was found.
    text_bytes: usize,
}

/// Most bytes of names that are taken from binaries: a table of names may be made so that every address
/// has a long one.
const MOST_TEXT_BYTES: usize = 1 << 30;

/// A module whose addresses keep no name, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingModule {
    /// The module's path in the profile.
    pub path: String,
    /// Its build id, or empty.
    pub build_id: String,
    /// What was wrong with the files that were tried.
    pub reason: String,
}

/// Why a binary that was given cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolizeError {
    /// The file cannot be read as a binary.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file belongs to another build than every module of the profile.
    #[error("{}: has {}, but the profile was written by {}", path.display(), id_in_words(found), .wanted.join(", "))]
    OtherBuild {
        /// The file.
        path: PathBuf,
        /// Its build id, or empty.
        found: String,
        /// The modules of the profile with their build ids.
        wanted: Vec<String>,
    },
}

fn id_in_words(id: &str) -> String {
    match id {
        "" => "no build id".into(),
        id => format!("build id {id}"),
    }
}

/// Resolves every address that has no lines yet, each once, and hides the allocator's own frames.
/// `binaries` are tried before the modules' own paths and the system's debug files.
///
/// # Errors
/// If one of `binaries` cannot be read, or fits no module.
pub fn symbolize(profile: &mut Profile, binaries: &[PathBuf]) -> Result<Symbolized, SymbolizeError> {
    let given = open_given(profile, binaries)?;
    let mut outcome = Symbolized::default();
    for (module_id, addresses) in unresolved_addresses(profile) {
        let count: usize = addresses.values().map(Vec::len).sum();
        match find_resolver(profile, module_id, &given) {
            Ok(resolver) => {
                let before = outcome.resolved;
                resolve(profile, &resolver, module_id, &addresses, &mut outcome);
                if outcome.resolved == before {
                    let reason = "the file has no names for these addresses".into();
                    outcome.missing.push(missing(profile, module_id, reason));
                }
            }
            Err(reason) => {
                outcome.unresolved += count;
                outcome.missing.push(missing(profile, module_id, reason));
            }
        }
    }
    profile.hide_allocator_frames();
    Ok(outcome)
}

/// Locations without lines, by module and address.
fn unresolved_addresses(profile: &Profile) -> BTreeMap<ModuleId, BTreeMap<u64, Vec<LocationId>>> {
    let mut found: BTreeMap<ModuleId, BTreeMap<u64, Vec<LocationId>>> = BTreeMap::new();
    for (index, location) in profile.locations().iter().enumerate() {
        let covers = |module: &Module| (module.start..module.limit).contains(&location.address);
        let around = || profile.modules().iter().position(covers).map(|at| ModuleId(at as u32));
        if let (true, Some(module)) = (location.lines.is_empty(), location.module.or_else(around)) {
            let addresses = found.entry(module).or_default();
            addresses.entry(location.address).or_default().push(LocationId(index as u32));
        }
    }
    found
}

fn resolve(
    profile: &mut Profile,
    resolver: &Resolver,
    module_id: ModuleId,
    addresses: &BTreeMap<u64, Vec<LocationId>>,
    outcome: &mut Symbolized,
) {
    let module = *profile.module(module_id);
    for (address, locations) in addresses {
        let frames = resolver.frames(&module, *address);
        let text_bytes: usize =
            frames.iter().map(|f| f.name.len() + f.system_name.len() + f.file.len()).sum();
        outcome.text_bytes = outcome.text_bytes.saturating_add(text_bytes);
        if frames.is_empty() || outcome.text_bytes > MOST_TEXT_BYTES {
            outcome.unresolved += locations.len();
            continue;
        }
        outcome.resolved += locations.len();
        let symbolised = &mut profile.module_mut(module_id).symbolised;
        symbolised.functions = true;
        symbolised.filenames |= frames.iter().any(|frame| !frame.file.is_empty());
        symbolised.line_numbers |= frames.iter().any(|frame| frame.line > 0);
        symbolised.inline_frames |= resolver.has_inlined_frames();
        for id in locations {
            profile.set_lines(*id, &frames);
        }
    }
}

/// Opens the binaries that were given and makes sure that each fits a module.
fn open_given(profile: &Profile, paths: &[PathBuf]) -> Result<Vec<Binary>, SymbolizeError> {
    let open = |path: &PathBuf| {
        let unreadable = |reason| SymbolizeError::Unreadable { path: path.clone(), reason };
        let binary = Binary::open(path).map_err(unreadable)?;
        match profile.modules().iter().any(|module| fits(profile, module, &binary)) {
            true => Ok(binary),
            false => Err(SymbolizeError::OtherBuild {
                path: path.clone(),
                found: binary.build_id,
                wanted: profile.modules().iter().map(|module| described(profile, module)).collect(),
            }),
        }
    };
    paths.iter().map(open).collect()
}

fn described(profile: &Profile, module: &Module) -> String {
    let id = id_in_words(&printable(profile.text(module.build_id)));
    format!("{} with {id}", printable(profile.text(module.path)))
}

/// Whether a binary that was given is the module's: by build id, or by file name where one of the
/// two has no build id to compare.
fn fits(profile: &Profile, module: &Module, binary: &Binary) -> bool {
    let id = profile.text(module.build_id);
    match id.is_empty() || binary.build_id.is_empty() {
        true => Path::new(profile.text(module.path)).file_name() == binary.path.file_name(),
        false => binary.build_id.eq_ignore_ascii_case(id),
    }
}

/// The binaries that may name a module's addresses, joined to one resolver.
fn find_resolver(profile: &Profile, id: ModuleId, given: &[Binary]) -> Result<Resolver, String> {
    let module = profile.module(id);
    let mut candidates: Vec<Binary> =
        given.iter().filter(|binary| fits(profile, module, binary)).cloned().collect();
    let mut reasons = Vec::new();
    let build_id = profile.text(module.build_id).to_ascii_lowercase();
    for path in usual_places(profile.text(module.path), &build_id) {
        match Binary::open(&path) {
            Ok(found) if !build_id.is_empty() && found.build_id != build_id => {
                reasons.push(format!("{} has {}", path.display(), id_in_words(&found.build_id)));
            }
            Ok(found) => candidates.push(found),
            Err(reason) => reasons.push(format!("{}: {reason}", path.display())),
        }
    }
    Resolver::of(&candidates).map_err(|reason| {
        reasons.insert(0, reason);
        reasons.join("; ")
    })
}

/// The module's own path, and where distributions put debug files
/// (<https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html>).
fn usual_places(path: &str, build_id: &str) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if path.starts_with('/') {
        places.push(PathBuf::from(path));
    }
    let is_hexadecimal = build_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if build_id.len() > 2 && is_hexadecimal {
        let (directory, file) = build_id.split_at(2);
        places.push(PathBuf::from(format!("/usr/lib/debug/.build-id/{directory}/{file}.debug")));
    }
    places
}

fn missing(profile: &Profile, id: ModuleId, reason: String) -> MissingModule {
    let module = profile.module(id);
    MissingModule {
        path: printable(profile.text(module.path)),
        build_id: printable(profile.text(module.build_id)),
        reason: printable(&reason),
    }
}
