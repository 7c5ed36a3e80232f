//! The lines of code that matter, and which of them keep memory or release it: a demo marks them by a
//! comment at their end.

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CodeLine {
    pub(super) text: String,
    pub(super) role: Role,
}

/// What a line does to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Leak,
    Fix,
}

/// Splits a demo's code.
pub(super) fn parse(code: &str) -> Vec<CodeLine> {
    let role = |line: &str| {
        let comment = line.rsplit_once("//").map(|(_, comment)| comment.trim());
        match comment {
            Some("leak") => Role::Leak,
            Some("fix") => Role::Fix,
            _ => Role::Plain,
        }
    };
    code.lines().map(|line| CodeLine { text: line.to_owned(), role: role(line) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_marked_by_the_comment_at_its_end_alone() {
        let code = "a(); // leak\n// a fix is this:\nb() // fix\nc(); // no leak\n\n";
        let roles: Vec<Role> = parse(code).iter().map(|line| line.role).collect();
        assert_eq!(roles, [Role::Leak, Role::Plain, Role::Fix, Role::Plain, Role::Plain]);
        assert_eq!(parse(code)[0].text, "a(); // leak");
    }
}
