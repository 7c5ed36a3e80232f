//! The demos that `demo-workloads` says it has. Names columns of its list, never a demo.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::UsageError;

/// A demo, as its binary describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DemoEntry {
    pub(super) name: String,
    pub(super) keeps: String,
    /// What leaks, why, what the pictures show, what fixes it: one paragraph.
    pub(super) explanation: String,
    pub(super) variants: Vec<String>,
    pub(super) is_core: bool,
}

/// All demos of a binary.
pub(super) struct DemoList {
    demos: Vec<DemoEntry>,
}

impl DemoList {
    /// Asks the binary.
    pub(super) fn of(program: &Path) -> Result<Self> {
        let mut demos = parse(&ask(program, &["--list", "--format", "tsv"])?)?;
        for demo in &mut demos {
            demo.explanation = ask(program, &[&demo.name, "--explain"])?.trim().to_owned();
        }
        Ok(DemoList { demos })
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
}

fn ask(program: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    // A setting from the user's shell would leave a profile of this question.
    command.args(arguments).env_remove("ALLOC_TRACER").stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}

fn parse(table: &str) -> Result<Vec<DemoEntry>> {
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let columns = lines.next().context("the list of demos is empty")?;
    let column = |name: &str| {
        columns.iter().position(|column| *column == name).with_context(|| format!("no column `{name}`"))
    };
    let (name, core, variants, keeps) =
        (column("name")?, column("core")?, column("variants")?, column("keeps")?);
    lines
        .map(|fields| {
            ensure!(fields.len() == columns.len(), "a demo with {} fields: {fields:?}", fields.len());
            Ok(DemoEntry {
                name: fields[name].to_owned(),
                keeps: fields[keeps].to_owned(),
                explanation: String::new(),
                variants: fields[variants].split(',').map(str::to_owned).collect(),
                is_core: fields[core] == "yes",
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "keeps\tname\tnew\tcore\tvariants\n\
        a map\tm\t?\tyes\tleaky,fixed\n\
        a log\tl\t?\tno\tleaky,fixed,rotate\n";

    fn selected(wanted: Option<&str>) -> Result<Vec<String>> {
        let list = DemoList { demos: parse(TABLE)? };
        Ok(list.select(wanted)?.into_iter().map(|demo| demo.name).collect())
    }

    #[test]
    fn columns_are_found_by_name() {
        let demos = parse(TABLE).unwrap();
        assert_eq!(demos[1].keeps, "a log");
        assert_eq!(demos[1].variants, ["leaky", "fixed", "rotate"]);
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
        assert!(error.is::<UsageError>() && error.to_string().ends_with("leaky, fixed"), "{error}");
    }
}
