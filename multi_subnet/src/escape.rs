//! Text that others wrote, such as the reasons of a caller and the names of files, made fit for a place where some
//! characters have a meaning.

/// The characters that GitHub's markdown reads within a line, wherever they stand. `_` is one only beside a space.
const READ_BY_MARKDOWN: [char; 10] = ['\\', '`', '*', '<', '>', '&', '[', ']', '|', '~'];

/// The text in one line: a space for each line break and for each other character that moves the cursor or is not
/// shown.
pub fn one_line(text: &str) -> String {
    let is_hidden =
        |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    text.replace(is_hidden, " ")
}

/// One line of GitHub's markdown that shows the text as it is, also in a table.
pub fn markdown(text: &str) -> String {
    let text = one_line(text);
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let is_inside = before.is_alphanumeric()
            && characters.peek().is_some_and(|next| next.is_alphanumeric());
        if READ_BY_MARKDOWN.contains(&character) || (character == '_' && !is_inside) {
            escaped.push('\\');
        }
        escaped.push(character);
        before = character;
    }
    escaped
}

/// A code span of markdown with this text. Its fence is longer than each row of backticks in the text.
pub fn markdown_code(text: &str) -> String {
    let text = one_line(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // Markdown takes away one space at each end.
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// The text as one word of a POSIX shell, in quotes if it needs them.
pub fn shell_word(text: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// A command line for a POSIX shell: the environment variables of the command, then its words. Empty variables are left
/// out.
pub fn shell_command<'a>(
    variables: impl IntoIterator<Item = (&'a str, String)>,
    words: impl IntoIterator<Item = String>,
) -> String {
    let variables = variables.into_iter().filter(|(_, value)| !value.is_empty());
    let variables = variables.map(|(name, value)| format!("{name}={}", shell_word(&value)));
    let words = words.into_iter().map(|word| shell_word(&word));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_shows_each_text_as_it_is() {
        for (text, expected) in [
            ("queue_full", "queue_full"),
            ("_now_ or *never*", r"\_now\_ or \*never\*"),
            ("a|b\\|c", r"a\|b\\\|c"),
            ("first\nsecond\r\n\tthird\u{2028}", "first second   third "),
            (
                "<img src=x> & `code` [link](url) ~~x~~",
                r"\<img src=x\> \& \`code\` \[link\](url) \~\~x\~\~",
            ),
        ] {
            assert_eq!(markdown(text), expected);
        }
    }

    #[test]
    fn the_fence_of_a_code_span_is_longer_than_each_row_of_backticks_in_it() {
        assert_eq!(markdown_code("a.json"), "`a.json`");
        assert_eq!(markdown_code("a`b``c"), "``` a`b``c ```");
        assert_eq!(markdown_code("`"), "`` ` ``");
        assert_eq!(markdown_code("a\nb"), "`a b`");
    }

    #[test]
    fn a_command_is_quoted_where_a_shell_needs_it() {
        let words = ["multi_subnet", "--name", "x=the shop", "it's", "", "$HOME", "a*"];
        let variables = [("CALLER_WASM", "my files/a.wasm"), ("CALLEE_WASM", "b.wasm"), ("X", "")];
        let command = shell_command(
            variables.map(|(name, value)| (name, value.to_owned())),
            words.map(str::to_owned),
        );
        assert_eq!(
            command,
            r"CALLER_WASM='my files/a.wasm' CALLEE_WASM=b.wasm multi_subnet --name 'x=the shop' 'it'\''s' '' '$HOME' 'a*'"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_a_quoted_command_back_word_by_word() {
        let words = ["a b", "it's", "\"", "\\", "", "$(x)", "`x`", "!", "a\nb", "~", "#c", "é"];
        let command = shell_command([], words.map(str::to_owned));
        let script = format!("printf '%s\\0' {command}");
        let output = std::process::Command::new("sh").args(["-c", &script]).output();
        let output = output.expect("every Unix has a shell").stdout;
        assert_eq!(String::from_utf8(output).expect("text"), words.join("\0") + "\0");
    }
}
