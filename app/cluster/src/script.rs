//! The batch script: what Slurm runs on a node for one element, readable and to be changed by hand.

use crate::directives::{Directive, Directives};
use std::fmt::Write as _;
use std::path::Path;

/// What a batch script is made of.
#[derive(Debug)]
pub struct Script<'a> {
    /// What is asked of Slurm.
    pub directives: &'a Directives,
    /// The program with its flags, up to `sweep run`.
    pub program: &'a [String],
    /// The grid that each element sweeps.
    pub grid: &'a Path,
    /// The folder of the sweep that all elements share.
    pub folder: &'a Path,
    /// Where the script goes.
    pub path: &'a Path,
    /// Elements of all arrays.
    pub elements: usize,
    /// Whether there are arrays; else each element is a job of its own.
    pub in_arrays: bool,
    /// Whether each element takes a fixed part of the cells.
    pub sharded: bool,
    /// Seconds before the time limit at which an element is told to stop.
    pub notice: u64,
    /// How often an element may come back after it was told to stop.
    pub requeues: u32,
    /// Lines before the program.
    pub setup: &'a [String],
    pub teardown: &'a [String],
    /// Arguments of `srun`, where the program is to be started by it.
    pub srun: Option<&'a str>,
    /// Version of the program.
    pub version: &'a str,
    /// When it is written.
    pub time: &'a str,
}

impl Script<'_> {
    #[must_use]
    pub fn text(&self) -> String {
        let Self { elements, version, time, .. } = self;
        let mut text = "#!/bin/bash\n".to_owned();
        self.lines().iter().for_each(|line| add(&mut text, &line.line()));
        let _ = write!(
            text,
            "
# One of {elements} elements of a sweep, written by `locus sweep submit` {version} on {time}.
# All elements work on the folder {folder}. What is left to do is in the ledger there,
# so any of them may die, be pre-empted or be requeued, and more may be added at any time:
#     sbatch --array=0-3 {path} 0
# The number says how many elements the arrays before have.

element=$(( ${{1:-0}} + ${{SLURM_ARRAY_TASK_ID:-0}} + 1 ))
job=$SLURM_JOB_ID
[ -z \"${{SLURM_ARRAY_TASK_ID:-}}\" ] || job=${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID
start=$(( ${{SLURM_RESTART_COUNT:-0}} + 1 ))
echo \"element $element of {elements}, job $job, start $start, on $(hostname), $(date)\"

# USR2 comes before the time limit, TERM when the job is canceled or preempted. On either, locus takes no further cell,
# drops the current one, and ends; the ledger keeps what is done.
asked=
locus=
stop() {{
    asked=\"$asked $1\"
    [ -z \"$locus\" ] || kill -s \"$1\" \"$locus\" 2>/dev/null
}}
trap 'stop USR2' USR2
trap 'stop TERM' TERM
",
            folder = self.folder.display(),
            path = quoted(&self.path.display().to_string()),
        );
        section(&mut text, "setup", self.setup);
        let shard = if self.sharded { format!(" --shard \"$element/{elements}\"") } else { String::new() };
        let words: Vec<String> = self.program.iter().map(|word| quoted(word)).collect();
        let srun = self.srun.map(|arguments| format!("srun {arguments} ")).unwrap_or_default();
        if self.srun.is_some() {
            text += "\n# since Slurm 22.05, srun does not inherit the CPUs per task of sbatch\n";
            text += "export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}\n";
        }
        let _ = write!(
            text,
            "
code=130
if [ -z \"$asked\" ]; then
    {srun}{program} \\
        {grid} --out {folder}{shard} &
    locus=$!
    [ -z \"$asked\" ] || kill -s TERM \"$locus\" 2>/dev/null
    # a signal ends a wait before locus has ended
    while :; do
        before=$asked
        wait \"$locus\"
        ended=$?
        [ \"$ended\" -eq 127 ] || code=$ended
        [ \"$asked\" != \"$before\" ] || break
    done
fi
",
            program = words.join(" "),
            grid = quoted(&self.grid.display().to_string()),
            folder = quoted(&self.folder.display().to_string()),
        );
        section(&mut text, "teardown", self.teardown);
        text += &self.end();
        text
    }

    /// All directives: those that were given, and those that the script needs.
    fn lines(&self) -> Vec<Directive> {
        let mut lines = Vec::new();
        let mut fall_back = |name: &str, value: &str| {
            if !self.directives.has(name) {
                lines.push(Directive::new(name, value));
            }
        };
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        fall_back("job-name", &format!("locus-{name}"));
        // %A is the array, %a the index in it, %j a job; a % of the folder's own is doubled
        let logs = self.folder.join("cluster/logs").display().to_string().replace('%', "%%");
        fall_back("output", &format!("{logs}/{}.log", if self.in_arrays { "%A_%a" } else { "%j" }));
        fall_back("open-mode", "append");
        lines.extend(self.directives.iter().cloned());
        lines.push(Directive::new("nodes", "1"));
        lines.push(Directive::new("ntasks", "1"));
        // "B:" has it reach this script, which passes it on; Slurm may send it up to 60 s earlier
        lines.push(Directive::new("signal", format!("B:USR2@{}", self.notice)));
        lines.push(Directive::switch(if self.requeues > 0 { "requeue" } else { "no-requeue" }));
        lines
    }

    /// What follows when locus has ended.
    fn end(&self) -> String {
        if self.requeues == 0 {
            return "\nexit \"$code\"\n".to_owned();
        }
        let requeues = self.requeues;
        format!(
            "
# Told to stop with work left: requeue, {requeues} times at most. TERM that comes with a cancellation does not
# count, nor with a preemption that Slurm requeues itself; in the grace time before that, PreemptTime is set.
if [ \"$code\" -eq 130 ] || {{ [ \"$code\" -ne 0 ] && [ -n \"$asked\" ]; }}; then
    again=
    case $asked in
        *USR2*) again=yes ;;
        *) timeout 20 scontrol show job \"$job\" 2>/dev/null | grep -q 'PreemptTime=[0-9]' && again=yes ;;
    esac
    if [ -n \"$again\" ] && [ \"$start\" -le {requeues} ]; then
        echo \"element $element is requeued, $(date)\"
        # Slurm ends this script as soon as it does
        timeout 20 scontrol requeue \"$job\" && sleep 60
    elif [ -n \"$again\" ]; then
        echo \"element $element was requeued {requeues} times and is not again\"
    fi
fi
exit \"$code\"
"
        )
    }
}

fn add(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn section(text: &mut String, name: &str, lines: &[String]) {
    if !lines.is_empty() {
        add(text, &format!("\n# {name}"));
        lines.iter().for_each(|line| add(text, line));
    }
}

/// A word as a shell reads it.
#[must_use]
pub fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Script, quoted};
    use crate::directives::{Directive, Directives};
    use std::path::Path;
    use std::process::Command;

    /// A script whose program is `sh -c TEXT`.
    fn script(program: &str, requeues: u32, folder: &Path) -> String {
        let directives = Directives::new(vec![Directive::new("account", "0123")], 90).expect("directives");
        let setup = ["export FROM_SETUP=yes".to_owned()];
        Script {
            directives: &directives,
            program: &["sh".to_owned(), "-c".to_owned(), program.to_owned(), "locus".to_owned()],
            grid: Path::new("/grid.toml"),
            folder,
            path: &folder.join("cluster/1.sh"),
            elements: 10,
            in_arrays: true,
            sharded: true,
            notice: 90,
            requeues,
            setup: &setup,
            teardown: &["echo teardown".to_owned()],
            srun: None,
            version: "1",
            time: "now",
        }
        .text()
    }

    /// Runs a script as an element of an array, with a `scontrol` that writes down what it is asked and answers `shown`.
    fn element(program: &str, requeues: u32, start: u32, shown: &str, signal: &str) -> (Option<i32>, String, String) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("script.sh");
        std::fs::write(&path, script(program, requeues, folder.path())).expect("script");
        let scontrol = folder.path().join("scontrol");
        let asked = folder.path().join("asked");
        let text = format!("#!/bin/sh\necho \"$@\" >>{}\necho '{shown}'\n", asked.display());
        std::fs::write(&scontrol, text).expect("scontrol");
        let sleep = folder.path().join("sleep");
        std::fs::write(&sleep, "#!/bin/sh\n[ \"$1\" = 60 ] || exec /bin/sleep \"$@\"\n").expect("sleep");
        for file in [&scontrol, &sleep] {
            assert!(Command::new("chmod").arg("+x").arg(file).status().expect("chmod").success());
        }
        let paths = std::env::var("PATH").expect("PATH");
        let mut command = Command::new("bash");
        command.arg(&path).arg("4").env("PATH", format!("{}:{paths}", folder.path().display()));
        command.envs([("SLURM_JOB_ID", "99"), ("SLURM_ARRAY_JOB_ID", "12"), ("SLURM_ARRAY_TASK_ID", "3")]);
        command.env("SLURM_RESTART_COUNT", start.to_string()).env("SIGNAL", signal);
        let output = command.output().expect("bash");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text, std::fs::read_to_string(asked).unwrap_or_default())
    }

    /// A program that sends its element a signal, and ends with 130 once that has come back.
    const STOPS: &str = "trap 'exit 130' USR2 TERM; kill -s $SIGNAL $PPID; while :; do sleep 0.05; done";

    #[test]
    fn an_element_ends_as_its_program_does() {
        let (code, text, asked) = element("echo \"$1 $2 $3 $4 $5\" $FROM_SETUP", 3, 0, "", "");
        assert_eq!((code, asked.as_str()), (Some(0), ""), "{text}");
        assert!(text.contains("element 8 of 10, job 12_3, start 1, on "), "{text}");
        assert!(text.contains("/grid.toml --out /") && text.contains(" --shard 8/10 yes\nteardown\n"), "{text}");
        let (code, _, asked) = element("exit 4", 3, 0, "", "");
        assert_eq!((code, asked.as_str()), (Some(4), ""));
    }

    #[test]
    fn one_that_is_told_to_stop_goes_back_into_the_queue_a_few_times() {
        let (code, text, asked) = element(STOPS, 3, 2, "", "USR2");
        assert_eq!((code, asked.as_str()), (Some(130), "requeue 12_3\n"), "{text}");
        assert!(text.contains("teardown\nelement 8 is requeued"), "{text}");
        let (code, text, asked) = element(STOPS, 3, 3, "", "USR2");
        assert_eq!((code, asked.as_str()), (Some(130), ""));
        assert!(text.contains("was requeued 3 times"), "{text}");
        let (code, _, asked) = element(STOPS, 0, 0, "", "USR2");
        assert_eq!((code, asked.as_str()), (Some(130), ""));
        // it ended well all the same: nothing is left to do
        let (code, _, asked) =
            element("trap 'exit 0' USR2; kill -s USR2 $PPID; while :; do sleep 0.05; done", 3, 0, "", "");
        assert_eq!((code, asked.as_str()), (Some(0), ""));
    }

    #[test]
    fn a_program_that_srun_stops_in_the_grace_time_of_a_preemption_comes_back() {
        let (_, _, asked) = element("exit 130", 3, 0, "PreemptTime=2026-01-01T00:00:00", "");
        assert_eq!(asked, "show job 12_3\nrequeue 12_3\n");
        let (code, _, asked) = element("exit 130", 3, 0, "PreemptTime=None", "");
        assert_eq!((code, asked.as_str()), (Some(130), "show job 12_3\n"));
    }

    #[test]
    fn one_that_is_cancelled_stays_away_and_one_that_is_preempted_comes_back() {
        let (code, text, asked) = element(STOPS, 3, 0, "PreemptTime=None", "TERM");
        assert_eq!((code, asked.as_str()), (Some(130), "show job 12_3\n"), "{text}");
        let (_, _, asked) = element(STOPS, 3, 0, "PreemptTime=2026-01-01T00:00:00", "TERM");
        assert_eq!(asked, "show job 12_3\nrequeue 12_3\n");
    }

    #[test]
    fn the_head_of_the_script_holds_every_directive() {
        let text = script("true", 3, Path::new("/shared/50% done"));
        for line in [
            "#SBATCH --account=0123",
            "#SBATCH --job-name=\"locus-50% done\"",
            "#SBATCH --output=\"/shared/50%% done/cluster/logs/%A_%a.log\"",
            "#SBATCH --open-mode=append",
            "#SBATCH --signal=B:USR2@90",
            "#SBATCH --requeue",
        ] {
            assert!(text.lines().any(|has| has == line), "no {line} in {text}");
        }
        let after = text.lines().skip_while(|line| line.starts_with('#')).any(|line| line.starts_with("#SBATCH"));
        assert!(!after, "sbatch reads no directive behind the first command");
        assert!(script("true", 0, Path::new("/a")).contains("\n#SBATCH --no-requeue\n"));
    }

    #[test]
    fn words_reach_the_program_whole() {
        assert_eq!(quoted("/a/b-c_1.toml"), "/a/b-c_1.toml");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
