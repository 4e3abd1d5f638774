//! How does text reach standard output, in which colours, and what if nobody reads it any more?

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

use crate::finding::Severity;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the variable `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Standard output. Once its reader has gone (`truthline … | head`), further text is dropped and the work goes on.
#[derive(Debug)]
pub struct Output {
    gone: bool,
    colored: bool,
}

impl Output {
    /// Standard output with colours or without; `no_color` is the wish of the environment.
    pub fn new(color: Color, no_color: bool) -> Self {
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !no_color && io::stdout().is_terminal(),
        };
        Self { gone: false, colored }
    }

    /// Writes one line.
    ///
    /// # Errors
    /// If standard output is there and cannot be written to, for instance on a full disk.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.text(text)?;
        self.text("\n")
    }

    /// Writes text as it is.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            result => result,
        }
    }

    /// Text in the colour of a severity.
    pub fn severity(&self, severity: Severity, text: &str) -> String {
        let color = match severity {
            Severity::Info => AnsiColor::Cyan,
            Severity::Warning => AnsiColor::Yellow,
            Severity::Critical => AnsiColor::Red,
        };
        self.styled(Style::new().bold().fg_color(Some(color.into())), text)
    }

    /// Text that stands out.
    pub fn strong(&self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    /// Text that stands back.
    pub fn faint(&self, text: &str) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.colored { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_means_plain_text_and_always_means_always() {
        assert_eq!(Output::new(Color::Never, false).severity(Severity::Critical, "x"), "x");
        assert_eq!(Output::new(Color::Auto, true).strong("x"), "x");
        assert!(Output::new(Color::Always, true).strong("x").contains('\u{1b}'));
    }
}
