//! The demos that `demo-workloads` says it has. Names columns of its list, never a demo.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::code_lines::{self, CodeLine};
use super::totals::Figure;
use crate::{UsageError, interrupt};

/// A demo, as its binary describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DemoEntry {
    pub(super) name: String,
    /// Its letter and number, such as `D1`.
    pub(super) row: String,
    /// What its group has in common; the same for all of the group.
    pub(super) group: String,
    pub(super) keeps: String,
    pub(super) kept: String,
    pub(super) why: String,
    /// What to see in the picture of what is held, and in that of what was ever allocated.
    pub(super) inuse_space: String,
    pub(super) alloc_space: String,
    pub(super) fix: String,
    /// Where leaky and fixed differ.
    pub(super) figure: Figure,
    /// The leaks, `fixed`, and the fixes by their own names, of which `fixed` stands for the first.
    pub(super) variants: Vec<String>,
    pub(super) leaks: Vec<String>,
    pub(super) default_size: u64,
    pub(super) size_unit: String,
    pub(super) is_core: bool,
    pub(super) code: Vec<CodeLine>,
}

/// All demos of a binary.
pub(super) struct DemoList {
    demos: Vec<DemoEntry>,
}

impl DemoList {
    /// Asks the binary.
    pub(super) fn of(program: &Path) -> Result<Self> {
        Ok(DemoList { demos: parse(&ask(program, &["--list", "--format", "tsv"])?)? })
    }

    /// The demo of this name, all of them, or by default the core ones.
    pub(super) fn select(self, wanted: Option<&str>) -> Result<Vec<DemoEntry>> {
        let names = self.demos.iter().map(|demo| demo.name.as_str()).collect::<Vec<_>>().join(", ");
        let is_wanted = |demo: &DemoEntry| match wanted {
            None => demo.is_core,
            Some("all") => true,
            Some(name) => demo.name == name,
        };
        let selected: Vec<_> = self.demos.iter().filter(|demo| is_wanted(demo)).cloned().collect();
        match wanted {
            Some(name) if selected.is_empty() => {
                Err(UsageError(format!("no demo is called `{name}`; known demos: {names}, all")).into())
            }
            _ => Ok(selected),
        }
    }
}

impl DemoEntry {
    /// Asks the binary for the lines of code that matter.
    pub(super) fn read_code(&mut self, program: &Path) -> Result<()> {
        self.code = code_lines::parse(ask(program, &[&self.name, "--code"])?.trim_end());
        Ok(())
    }

    /// Refuses variants that the demo does not have.
    pub(super) fn check_variants(&self, wanted: &[&str]) -> Result<()> {
        for name in wanted {
            if !self.variants.iter().any(|known| known == name) {
                let (demo, known) = (&self.name, self.variants.join(", "));
                let what = format!("`{demo}` has no variant `{name}`; known variants: {known}");
                return Err(UsageError(what).into());
            }
        }
        Ok(())
    }

    /// The variants to run, so that each is run once although the first fix has two names, and by the
    /// name by which it is drawn.
    pub(super) fn different_variants(&self, drawn: &[&str]) -> Vec<&str> {
        let own_name = self.first_fix();
        let is_drawn = |name: &str| drawn.contains(&name);
        let twin = match own_name {
            Some(own_name) if is_drawn(own_name) && is_drawn("fixed") => "",
            Some(own_name) if is_drawn(own_name) => "fixed",
            Some(own_name) => own_name,
            None => "",
        };
        self.variants.iter().map(String::as_str).filter(|name| *name != twin).collect()
    }

    /// The own name of the fix that `fixed` stands for.
    pub(super) fn first_fix(&self) -> Option<&str> {
        let fixed = self.variants.iter().position(|name| name == "fixed")?;
        self.variants.get(fixed + 1).map(String::as_str)
    }
}

fn ask(program: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    // A setting from the user's shell would leave a profile of this question.
    command.args(arguments).env_remove("ALLOC_TRACER").stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot run {}", program.display()))?;
    interrupt::check()?;
    let (status, errors) = (output.status, String::from_utf8_lossy(&output.stderr));
    ensure!(status.success(), "{command:?} failed ({status}): {}", errors.trim());
    Ok(String::from_utf8(output.stdout)?)
}

fn parse(table: &str) -> Result<Vec<DemoEntry>> {
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let columns = lines.next().context("the list of demos is empty")?;
    let entry = |fields: Vec<&str>| {
        ensure!(fields.len() == columns.len(), "a demo with {} fields: {fields:?}", fields.len());
        let field = |name: &str| {
            let at = columns.iter().position(|column| *column == name);
            at.map(|at| fields[at].to_owned()).with_context(|| format!("no column `{name}`"))
        };
        let names = |name: &str| field(name).map(|names| names.split(',').map(str::to_owned).collect());
        let default_size = field("default_size")?;
        Ok(DemoEntry {
            name: field("name")?,
            row: field("row")?,
            group: field("group")?,
            keeps: field("keeps")?,
            kept: field("kept")?,
            why: field("why")?,
            inuse_space: field("inuse_space")?,
            alloc_space: field("alloc_space")?,
            fix: field("fix")?,
            figure: Figure::parse(&field("figure")?)?,
            variants: names("variants")?,
            leaks: names("leaks")?,
            default_size: default_size.parse().with_context(|| format!("`{default_size}` is no size"))?,
            size_unit: field("size_unit")?,
            is_core: field("core")? == "yes",
            code: Vec::new(),
        })
    };
    lines.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "keeps\tname\tnew\tcore\tvariants\tleaks\tdefault_size\tsize_unit\trow\tgroup\
        \tkept\twhy\tinuse_space\talloc_space\tfix\tfigure\n\
        a map\tm\t?\tyes\tleaky,fixed,shrink\tleaky\t7\tkeys\tD1\tD. Maps\t1\t2\t3\t4\t5\theld\n\
        a log\tl\t?\tno\tleaky,slow,fixed,rotate,drop\tleaky,slow\t9\tlines\tT2\tT. Logs\t1\t2\t3\t4\t5\tpeak\n";

    fn selected(wanted: Option<&str>) -> Result<Vec<String>> {
        let list = DemoList { demos: parse(TABLE)? };
        Ok(list.select(wanted)?.into_iter().map(|demo| demo.name).collect())
    }

    #[test]
    fn columns_are_found_by_name() {
        let demos = parse(TABLE).unwrap();
        let demo = &demos[1];
        assert_eq!([&demo.keeps, &demo.row, &demo.group, &demo.fix], ["a log", "T2", "T. Logs", "5"]);
        assert_eq!((demo.variants.len(), demo.figure), (5, Figure::AtPeak));
        assert_eq!((demo.leaks.len(), demo.default_size, demo.size_unit.as_str()), (2, 9, "lines"));
        assert!(parse("name\tcore\nm\tyes\n").is_err());
    }

    #[test]
    fn core_demos_are_the_default() {
        assert_eq!(selected(None).unwrap(), ["m"]);
        assert_eq!(selected(Some("all")).unwrap(), ["m", "l"]);
        assert_eq!(selected(Some("l")).unwrap(), ["l"]);
    }

    #[test]
    fn what_does_not_exist_is_a_usage_error_that_lists_what_does() {
        let error = selected(Some("x")).unwrap_err();
        assert!(error.is::<UsageError>() && error.to_string().contains("m, l, all"), "{error}");
        let demo = &parse(TABLE).unwrap()[0];
        let error = demo.check_variants(&["leaky", "rotate"]).unwrap_err();
        assert!(error.is::<UsageError>() && error.to_string().ends_with("leaky, fixed, shrink"), "{error}");
    }

    #[test]
    fn the_first_fix_runs_once_by_the_name_by_which_it_is_drawn() {
        let demo = &parse(TABLE).unwrap()[1];
        let run = |drawn: &[&str]| demo.different_variants(drawn).join(" ");
        assert_eq!(run(&["leaky", "fixed"]), "leaky slow fixed drop");
        assert_eq!(run(&["leaky", "rotate"]), "leaky slow rotate drop");
        assert_eq!(run(&["rotate", "fixed"]), "leaky slow fixed rotate drop");
    }
}
