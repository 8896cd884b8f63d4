//! A workbench without a terminal, and the engine's events for one session as they come in reality.

pub mod analyzing;
pub mod recording;
pub mod sweeping;

use locus_protocol::{Command, Event, ModelSource, Outcome};
use locus_tui::{
    About, Depth, Effect, Input, Key, Own, PANES, State, Workbench, WorkbenchOptions, actions, draw, update,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::path::PathBuf;
use std::time::Duration;

/// Options that depend on nothing outside.
pub fn options() -> WorkbenchOptions {
    WorkbenchOptions {
        source: ModelSource::BuiltIn,
        chooses: false,
        models: Vec::new(),
        look_at: None,
        ascii: false,
        colors: Depth::Sixteen,
        keymap: None,
        settings: Vec::new(),
        own: Own::default(),
        memory: None,
        method: None,
        objective: None,
        flags: Vec::new(),
        follows: None,
        zoomed_on: None,
        export_folder: PathBuf::from("exports"),
        sweep_folder: PathBuf::from("sweeps"),
        began: Duration::from_secs(1_795_975_200),
        frames_per_second: 20,
    }
}

/// A workbench whose effects are gathered.
pub struct Bench {
    pub workbench: Workbench,
    pub effects: Vec<Effect>,
}

/// The keys that go to each pane, in the order of the panes.
pub fn go_to_panes() -> Vec<String> {
    let keymap = actions::keymap().expect("the shipped key map");
    let key = |pane: &About| keymap.keys_of("", pane.go.name).first().cloned();
    PANES.iter().map(|pane| key(pane).unwrap_or_else(|| panic!("no key goes to {}", pane.name))).collect()
}

impl Bench {
    /// With the model loaded, and nothing ordered that a test has not asked for.
    pub fn ready(columns: u16, rows: u16) -> Self {
        Self::ready_with(options(), columns, rows)
    }

    /// The same with other options.
    pub fn ready_with(options: WorkbenchOptions, columns: u16, rows: u16) -> Self {
        let mut bench = Self::with(options, columns, rows);
        bench.hear(recording::loading()).hear(recording::loaded()).wait(7000);
        bench.commands();
        bench
    }

    /// Just started, loading the model.
    pub fn new(columns: u16, rows: u16) -> Self {
        Self::with(options(), columns, rows)
    }

    /// The same with other options.
    pub fn with(options: WorkbenchOptions, columns: u16, rows: u16) -> Self {
        let mut workbench = Workbench::new(&options).expect("the shipped keymap");
        update(&mut workbench, Input::Resize(columns, rows));
        let effects = workbench.begin();
        Self { workbench, effects }
    }

    /// What all panes share.
    pub fn state(&self) -> &State {
        self.workbench.state()
    }

    /// Lets time pass.
    pub fn wait(&mut self, milliseconds: u64) -> &mut Self {
        let now = self.state().now + Duration::from_millis(milliseconds);
        self.feed(Input::Tick(now))
    }

    /// Folds one input.
    pub fn feed(&mut self, input: Input) -> &mut Self {
        self.effects.extend(update(&mut self.workbench, input));
        self
    }

    /// Folds events, 50 ms apart.
    pub fn hear(&mut self, events: impl IntoIterator<Item = Event>) -> &mut Self {
        for event in events {
            self.wait(50);
            self.feed(Input::engine(event));
        }
        self
    }

    /// Presses keys, by their names, separated by blanks.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for name in keys.split(' ') {
            let key: Key = name.parse().expect(name);
            self.feed(Input::Key(key));
        }
        self
    }

    /// Types a text.
    pub fn type_text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            self.feed(Input::Key(Key::character(character)));
        }
        self
    }

    /// The running job has done what it was to do.
    pub fn finish(&mut self) -> &mut Self {
        let job = self.state().job().expect("a job").id;
        self.hear([Event::Finished { job, outcome: Outcome::Done, seconds: 0.1 }])
    }

    /// What the engine was told so far; forgets it.
    pub fn commands(&mut self) -> Vec<Command> {
        let effects = std::mem::take(&mut self.effects);
        effects
            .into_iter()
            .filter_map(|effect| if let Effect::Send(command) = effect { Some(*command) } else { None })
            .collect()
    }

    /// The screen as cells.
    pub fn buffer(&self) -> Buffer {
        let (columns, rows) = self.workbench.size();
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        draw(&self.workbench, &mut buffer);
        buffer
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        text_of(&self.buffer())
    }
}

/// A buffer's text, without blanks at the ends of lines.
pub fn text_of(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[ratatui::buffer::Cell]| cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>();
    buffer.content.chunks(width).map(|cells| line(cells).trim_end().to_owned() + "\n").collect()
}
