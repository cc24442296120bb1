//! Tables, as plain text, as markdown and as CSV.

use std::collections::BTreeSet;
use std::fmt;

use crate::escape::markdown;

/// The bytes because of which a field of a CSV file needs quotation marks (RFC 4180, section 2).
const QUOTED_IN_CSV: [char; 4] = [',', '"', '\n', '\r'];

/// A table whose cells are texts.
#[derive(Clone, Debug)]
pub struct Table {
    headings: Vec<String>,
    /// For each column, whether it is aligned to the left. Numbers are aligned to the right.
    left: Vec<bool>,
    rows: Vec<Vec<String>>,
    /// The rows and columns of the cells that markdown emphasises.
    emphasised: BTreeSet<(usize, usize)>,
}

impl Table {
    /// A table without rows. `left` has the numbers of the columns that are aligned to the left; the first column
    /// has number 0.
    pub fn new(headings: &[&str], left: &[usize]) -> Self {
        Self {
            headings: headings.iter().map(|&heading| heading.to_owned()).collect(),
            left: (0..headings.len()).map(|column| left.contains(&column)).collect(),
            rows: Vec::new(),
            emphasised: BTreeSet::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// If the row does not have one cell for each heading.
    pub fn push(&mut self, row: impl Into<Vec<String>>) {
        let row = row.into();
        assert_eq!(row.len(), self.headings.len(), "a row has one cell for each heading");
        self.rows.push(row);
    }

    /// Emphasises a cell of the latest row in markdown.
    pub fn emphasise(&mut self, column: usize) {
        self.emphasised.extend(self.rows.len().checked_sub(1).map(|row| (row, column)));
    }

    /// The table in GitHub's markdown. What a cell contains is shown as it is, in one line.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let row = |(row, cells): (usize, &Vec<String>)| {
            let cells = cells.iter().enumerate();
            line(
                cells
                    .map(|(column, cell)| match self.emphasised.contains(&(row, column)) {
                        true => format!("**{}**", markdown(cell)),
                        false => markdown(cell),
                    })
                    .collect(),
            )
        };
        let rules: Vec<_> =
            self.left.iter().map(|left| if *left { "---" } else { "---:" }).collect();
        let mut text = line(self.headings.clone());
        text += &format!("|{}|\n", rules.join("|"));
        text.extend(self.rows.iter().enumerate().map(row));
        text
    }

    /// The table as a CSV file (RFC 4180, with line feeds), with the headings in the first line.
    pub fn csv(&self) -> String {
        let lines = std::iter::once(&self.headings).chain(&self.rows);
        lines.map(|cells| csv_line(cells)).collect()
    }

    /// The table without line breaks in its cells.
    fn in_lines(&self) -> Self {
        let row = |row: &Vec<String>| row.iter().map(|cell| without_breaks(cell)).collect();
        Self { rows: self.rows.iter().map(row).collect(), ..self.clone() }
    }

    /// The width of each column: that of its widest cell.
    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells =
                self.rows.iter().chain([&self.headings]).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        (0..self.headings.len()).map(width).collect()
    }
}

/// A cell in one line. It may contain the sequences that colour it.
fn without_breaks(cell: &str) -> String {
    cell.replace(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'], " ")
}

/// One line of a CSV file.
fn csv_line(cells: &[String]) -> String {
    let quoted = |cell: &String| match cell.contains(QUOTED_IN_CSV) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

/// The table as plain text: two spaces between columns, none at the end of a line, each row in one line.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.in_lines();
        let widths = table.widths();
        for row in std::iter::once(&self.headings).chain(&table.rows) {
            let cells =
                row.iter().zip(&widths).zip(&self.left).map(|((cell, width), left)| match left {
                    true => format!("{cell:<width$}"),
                    false => format!("{cell:>width$}"),
                });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["name", "n", "note"], &[0, 2]);
        table.push(["one".to_owned(), "1".into(), "a|b".into()]);
        table.push(["thousand".to_owned(), "1,000".into(), "say \"hello\"".into()]);
        table.push(["none".to_owned(), "0".into(), String::new()]);
        table
    }

    #[test]
    fn text_is_aligned_and_has_no_spaces_at_the_end_of_a_line() {
        let expected = "name          n  note\n\
                        one           1  a|b\n\
                        thousand  1,000  say \"hello\"\n\
                        none          0\n";
        assert_eq!(table().to_string(), expected);
    }

    #[test]
    fn markdown_aligns_numbers_and_escapes_bars() {
        let expected = "| name | n | note |\n\
                        |---|---:|---|\n\
                        | one | 1 | a\\|b |\n\
                        | thousand | 1,000 | say \"hello\" |\n\
                        | none | 0 |  |\n";
        assert_eq!(table().markdown(), expected);
    }

    #[test]
    fn each_row_is_one_line_whatever_its_cells_contain() {
        let mut table = Table::new(&["reason", "n"], &[0]);
        table.push(["two\nlines\r\n| and `code`".to_owned(), "1".into()]);
        table.emphasise(1);
        assert_eq!(table.to_string().lines().count(), 2);
        assert_eq!(
            table.markdown(),
            "| reason | n |\n|---|---:|\n| two lines  \\| and \\`code\\` | **1** |\n"
        );
    }

    #[test]
    fn csv_quotes_commas_and_quotation_marks() {
        let expected =
            "name,n,note\none,1,a|b\nthousand,\"1,000\",\"say \"\"hello\"\"\"\nnone,0,\n";
        assert_eq!(table().csv(), expected);
    }
}
