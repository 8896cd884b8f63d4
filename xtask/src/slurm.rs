//! A real Slurm on this machine, of Debian's packages `slurm-wlm` and `munge`, for as long as its tests run: three daemons in a
//! folder of their own, with ports of their own. Nothing of the system's configuration is read or changed.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the daemons may take to answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// Starts Slurm, runs the tests that want one, and ends it.
pub fn check(root: &Path) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("locus-slurm-{}", std::process::id()));
    let cluster = Cluster::start(&folder)?;
    let test = ["test", "--release", "--package", "locus-end-to-end", "--test", "slurm", "--"];
    let ended = super::cargo_with(
        root,
        &[&test[..], &["--ignored", "--nocapture"]].concat(),
        &[("SLURM_CONF", &cluster.configuration().display().to_string())],
    );
    if ended.is_err() {
        eprintln!("the daemons' logs are in {}", folder.join("log").display());
        return ended;
    }
    drop(cluster);
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// The daemons, which end with it.
struct Cluster {
    folder: PathBuf,
    daemons: Vec<Child>,
}

impl Cluster {
    fn start(folder: &Path) -> Result<Self> {
        for below in ["munge", "state", "spool", "log"] {
            let path = folder.join(below);
            std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        }
        let mut cluster = Self { folder: folder.to_owned(), daemons: Vec::new() };
        let mut key = vec![0; 1024];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        cluster.write("munge/key", &key)?;
        std::fs::set_permissions(folder.join("munge/key"), std::fs::Permissions::from_mode(0o400))?;
        let host = said("hostname", &["-s"])?;
        let text = configuration(folder, &host, &said("id", &["-un"])?)?;
        cluster.write("slurm.conf", text.as_bytes())?;
        // from 23.11 on it is `disabled`; before, slurmd opens one of the two plugins whatever tracks processes, and stops
        // where it cannot find out which
        cluster.write("cgroup.conf", b"CgroupPlugin=cgroup/v1\n")?;
        let in_munge = |flag: &str, name: &str| format!("--{flag}={}", folder.join("munge").join(name).display());
        let (socket, key, log) =
            (in_munge("socket", "socket"), in_munge("key-file", "key"), in_munge("log-file", "log"));
        let (seed, pid) = (in_munge("seed-file", "seed"), in_munge("pid-file", "pid"));
        cluster.daemon("munged", &["--foreground", "--force", &socket, &key, &log, &seed, &pid])?;
        cluster.until("munged has a socket", || folder.join("munge/socket").exists())?;
        cluster.daemon("slurmctld", &["-D", "-c"])?;
        cluster.daemon("slurmd", &["-D", "-N", &host])?;
        let configuration = cluster.configuration();
        let is_idle = || {
            let output = Command::new("sinfo").args(["-h", "-o", "%T"]).env("SLURM_CONF", &configuration).output();
            output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).lines().any(|line| line == "idle"))
        };
        cluster.until("its node is idle", is_idle)?;
        println!("Slurm runs in {}: {}", folder.display(), cluster.version());
        Ok(cluster)
    }

    fn version(&self) -> String {
        let output = Command::new("sinfo").arg("--version").env("SLURM_CONF", self.configuration()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("slurm.conf")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Starts a daemon; what it says goes into a file.
    fn daemon(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        let log = File::create(self.folder.join("log").join(name))?;
        let places = ["", "/usr/sbin/"].map(|place| format!("{place}{name}"));
        for program in places {
            let mut command = Command::new(&program);
            command.args(arguments).env("SLURM_CONF", self.configuration());
            match command.stdout(log.try_clone()?).stderr(log.try_clone()?).spawn() {
                Ok(child) => {
                    self.daemons.push(child);
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot start {program}")),
            }
        }
        bail!("there is no `{name}`; on Debian: apt-get install slurm-wlm munge")
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_so() {
            for daemon in &mut self.daemons {
                if let Some(status) = daemon.try_wait()? {
                    bail!("a daemon has ended ({status}); see {}", self.folder.join("log").display());
                }
            }
            if start.elapsed() > PATIENCE {
                bail!("timed out after {PATIENCE:?}: {what}; see {}", self.folder.join("log").display());
            }
            sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // the last one started goes first
        while let Some(mut daemon) = self.daemons.pop() {
            let _ = Command::new("kill").arg(daemon.id().to_string()).status();
            let start = Instant::now();
            while matches!(daemon.try_wait(), Ok(None)) {
                if start.elapsed() > Duration::from_secs(20) {
                    let _ = daemon.kill();
                }
                sleep(Duration::from_millis(50));
            }
        }
    }
}

/// The configuration: one node of two processors, arrays of four, and a partition that pre-empts the other one's jobs.
fn configuration(folder: &Path, host: &str, user: &str) -> Result<String> {
    let folder = folder.display();
    let ports = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [controller, node] = [ports[0].local_addr()?.port(), ports[1].local_addr()?.port()];
    Ok(format!(
        "ClusterName=locus
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
# a requeued job begins anew when its credential is over: 120 s otherwise
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
MaxArraySize=4
MinJobAge=30
KillWait=5
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
MailProg=/bin/true
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=30:00 State=UP PriorityTier=1 GraceTime=5
PartitionName=urgent Nodes=ALL MaxTime=30:00 State=UP PriorityTier=2 PreemptMode=OFF
"
    ))
}

/// What a program says on one line.
fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("cannot start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
