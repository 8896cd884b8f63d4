//! How the threads of a product wait for one another. Where nobody says otherwise they spin for milliseconds, and two
//! engines on the same cores then keep each other from computing.

use std::process::Command;

/// Has threads sleep while they wait. OpenMP reads it when its library is loaded: the process has to be started with it.
const PASSIVE: (&str, &str) = ("OMP_WAIT_POLICY", "PASSIVE");
/// By these a user says how they wait.
const CHOICES: [&str; 3] = [PASSIVE.0, "GOMP_SPINCOUNT", "KMP_BLOCKTIME"];

/// Has the threads of a program that is to be started sleep while they wait, unless the user has chosen.
pub fn prepare(command: &mut Command) {
    prepare_unless(command, CHOICES.iter().any(|name| std::env::var_os(name).is_some()));
}

fn prepare_unless(command: &mut Command, chosen: bool) {
    if !chosen {
        command.env(PASSIVE.0, PASSIVE.1);
    }
}

/// How the threads of this process wait, in words.
#[must_use]
pub fn in_words() -> String {
    let set = CHOICES.iter().filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)));
    let set: Vec<String> = set.collect();
    match &set[..] {
        [] => "waiting threads spin; OMP_WAIT_POLICY=PASSIVE lets other processes have the processor".to_owned(),
        [only] if *only == format!("{}={}", PASSIVE.0, PASSIVE.1) => format!("waiting threads sleep ({only})"),
        _ => format!("how threads wait is set by {}", set.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{PASSIVE, prepare_unless};
    use std::process::Command;

    #[test]
    fn what_the_user_has_chosen_is_left() {
        let variables = |chosen| {
            let mut command = Command::new("program");
            prepare_unless(&mut command, chosen);
            command.get_envs().count()
        };
        assert_eq!((variables(false), variables(true)), (1, 0));
        let mut command = Command::new("program");
        prepare_unless(&mut command, false);
        assert!(command.get_envs().any(|(name, value)| name == PASSIVE.0 && value == Some(PASSIVE.1.as_ref())));
    }
}
