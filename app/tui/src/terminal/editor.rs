//! The command of the editor, which opens a file at a line: `$VISUAL`, else `$EDITOR`.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// `$VISUAL` or `$EDITOR` with a file and a line, as vi, nano, emacs and others read it; `None` where neither is set.
#[must_use]
pub fn editor(file: &Path, line: usize) -> Option<Command> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    Some(command(&set("VISUAL").or_else(|| set("EDITOR"))?, file, line))
}

/// The variable may hold arguments, and is read as a shell reads it.
fn command(editor: &OsString, file: &Path, line: usize) -> Command {
    let mut command = Command::new("sh");
    let mut script = OsString::from("exec ");
    script.push(editor);
    script.push(" \"$@\"");
    command.arg("-c").arg(script).arg("editor").arg(format!("+{line}")).arg(file);
    command
}

#[cfg(test)]
mod tests {
    use super::command;
    use std::path::Path;

    #[test]
    fn an_editor_may_have_arguments_and_a_file_blanks() {
        let output = command(&"printf '<%s>'".into(), Path::new("a file"), 12).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "<+12><a file>");
    }
}
