//! A command that runs to its end.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a command said, and how it ended.
pub struct Outcome {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

impl Outcome {
    pub(crate) fn of(mut command: Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // A command that reads nothing may be gone before this is written.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let ended = child.wait_with_output().expect("the program ends");
        Self {
            code: ended.status.code().unwrap_or(-1),
            output: String::from_utf8_lossy(&ended.stdout).into_owned(),
            errors: String::from_utf8_lossy(&ended.stderr).into_owned(),
        }
    }

    /// Panics unless the command succeeded; its output otherwise.
    #[track_caller]
    pub fn ok(self) -> String {
        self.ended(0).output
    }

    /// Panics unless the command ended with this code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "output: {}\nerrors: {}", self.output, self.errors);
        self
    }
}
