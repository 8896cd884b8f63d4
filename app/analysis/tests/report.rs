//! What a report is made of, in all its formats.

mod support;

use locus_analysis::report::{ReportFile, files, write};
use locus_analysis::{Settings, Study, analyze};
use support::{study, sweep, whole_panel};

fn quick() -> Settings {
    Settings { resamples: 100, permutations: 100, subsets: 10, splits: 5, ..Settings::default() }
}

fn all(study: &Study) -> Vec<ReportFile> {
    let analysis = analyze(study, &quick(), &mut |_, _| {}).expect("an analysis");
    files(study, &analysis).expect("files")
}

fn bytes<'a>(files: &'a [ReportFile], name: &str) -> &'a [u8] {
    &files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("{name}")).contents
}

fn named<'a>(files: &'a [ReportFile], name: &str) -> &'a str {
    std::str::from_utf8(bytes(files, name)).expect("text")
}

/// Studies in which little or nothing can be computed.
fn poor() -> Vec<Study> {
    let table = |facts: usize, layers: usize| {
        let row = |fact: usize| (0..layers).map(|layer| ((fact * 3 + layer) as f64).sin()).collect();
        (0..facts).map(row).collect::<Vec<Vec<f64>>>()
    };
    let sizes = [(0, 0), (1, 1), (1, 4), (2, 3), (6, 1), (6, 3)];
    let mut studies: Vec<Study> = sizes
        .map(|(facts, layers)| whole_panel(&table(facts, layers), &table(facts, layers)))
        .map(|panel| study(vec![panel]))
        .into();
    studies.push(study(vec![whole_panel(&vec![vec![0.5; 3]; 6], &vec![vec![0.5; 3]; 6])]));
    studies
}

#[test]
fn no_format_says_nan() {
    for study in poor().iter().chain([&sweep(12)]) {
        for file in all(study).into_iter().filter(|file| !file.name.ends_with("png") && !file.name.ends_with("parquet"))
        {
            let text = String::from_utf8(file.contents).expect("text");
            let words = |word: &str| text.split(|letter: char| !letter.is_alphanumeric()).any(|own| own == word);
            assert!(!words("NaN") && !words("inf") && !words("null"), "{}: {text}", file.name);
        }
    }
}

#[test]
fn without_effects_of_a_localizer_the_answer_says_what_is_missing() {
    let mut panel = whole_panel(&vec![vec![0.2, 0.4, 0.9]; 6], &vec![vec![0.5; 3]; 6]);
    panel.localizers.clear();
    let files = all(&study(vec![panel]));
    for file in ["report.md", "report.html"] {
        let text = named(&files, file);
        assert!(text.contains("No answer: there are no effects of a localizer."), "{file}: {text}");
    }
    assert!(!named(&all(&sweep(12)), "report.md").contains("No answer"));
}

#[test]
fn the_headline_is_a_sentence_of_numbers() {
    let files = all(&sweep(30));
    let text = named(&files, "report.md");
    let sentence =
        text.lines().find(|line| line.starts_with("On GPT-2 XL, for ROME and error injection")).expect("one");
    assert!(sentence.contains("picking the layer by causal trace of MLP outputs loses 0."), "{sentence}");
    assert!(
        sentence.contains("] of rewrite score against one fixed layer (8")
            && sentence.ends_with("(28 facts, 6 layers).")
    );
}

#[test]
fn tables_say_what_they_rest_on() {
    let files = all(&sweep(30));
    let text = named(&files, "report.md");
    let tables: Vec<&str> = text.split("\n#### ").skip(1).collect();
    assert!(tables.len() > 15, "{}", tables.len());
    for table in tables {
        for word in [
            "GPT-2 XL, counterfact.json, locus 0.1.0; seeds 3 (sweep) and 0 (analysis).",
            "1 fact (the model answers wrongly)",
            "rewrite score: normalized, teacher forced",
        ] {
            assert!(table.contains(word), "{word} in {table}");
        }
    }
    assert!(text.contains("Left out before the sweep: 3 facts (the subject is not in the prompt)."));
    let published =
        text.split("\n#### ").find(|table| table.starts_with("As published: rewrite score")).expect("table");
    assert!(published.contains("Rows treated as independent, as in the paper."));
    assert!(published.contains("*GPT-J, published*") && published.contains("*0.947*"), "{published}");
}

#[test]
fn all_seeds_of_the_sweep_are_named() {
    let mut study = sweep(12);
    study.identity.seeds = vec![0, 1, 2];
    let files = all(&study);
    let text = named(&files, "report.md");
    assert!(text.contains("Seeds: 0, 1 and 2 of the sweep, 0 of the analysis."), "{text}");
    assert!(text.contains("seeds 0, 1 and 2 (sweep) and 0 (analysis)"), "{text}");
    assert!(named(&files, "origins.csv").contains("study,seeds of the sweep,\"0, 1 and 2\""));
}

/// A sweep measures the draws in two halves, however many they are.
#[test]
fn halves_of_the_noise_draws_are_not_called_draws() {
    let mut study = sweep(12);
    study.panels.iter_mut().for_each(|panel| panel.localizers[0].draws.as_mut().expect("draws").truncate(2));
    let files = all(&study);
    let text = named(&files, "report.md");
    let table = text.split("\n#### ").find(|table| table.starts_with("Reliability of the effects")).expect("a table");
    assert!(table.contains("| parts | facts |") && !table.contains("| draws |"), "{table}");
    assert!(table.contains("measured apart; 2 are halves"), "{table}");
}

#[test]
fn every_row_of_a_table_has_all_columns() {
    for study in poor().iter().chain([&sweep(12)]) {
        let analysis = analyze(study, &quick(), &mut |_, _| {}).expect("an analysis");
        for table in locus_analysis::report::report(&analysis).sections.iter().flat_map(|section| section.all_tables())
        {
            assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()), "{}", table.title);
        }
    }
}

#[test]
fn the_page_needs_no_network_and_knows_the_dark() {
    let files = all(&sweep(12));
    let page = named(&files, "report.html");
    let without = page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "");
    for word in ["http", "//", "url(", "@import", "<script", "<link", "<img"] {
        assert!(!without.contains(word), "{word}");
    }
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("<svg"));
    assert!(page.contains("A_B &amp; &lt;C&gt;") && !page.contains("<C>"));
    for tag in ["table", "section", "svg", "figure", "tr", "td", "th", "p", "div", "text", "html"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn latex_and_markdown_hold_odd_names() {
    let files = all(&sweep(12));
    let latex = named(&files, "report.tex");
    assert!(latex.contains("A\\_B \\& $<$C$>$") && latex.contains("\\toprule") && latex.contains("50 \\% of"));
    assert_eq!(latex.matches("\\begin{tabular}").count(), latex.matches("\\end{tabular}").count());
    for line in latex.lines().filter(|line| !line.starts_with('%')) {
        let bare = line.replace("\\%", "").replace("\\_", "").replace("\\&", "");
        assert!(!bare.contains('%') && !bare.contains('_'), "{line}");
    }
    assert!(named(&files, "report.md").contains("A\\_B & &lt;C&gt;"));
}

#[test]
fn the_long_table_has_every_cell() {
    let study = sweep(12);
    let files = all(&study);
    let mut reader = csv::Reader::from_reader(named(&files, "rows.csv").as_bytes());
    let at = reader.headers().expect("names").iter().position(|name| name == "missing").expect("missing");
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(rows.len(), 2 * 2 * 12 * 6);
    assert_eq!(rows.iter().filter(|row| &row[at] == "the edit failed").count(), 4);
    assert_eq!(rows.iter().filter(|row| &row[6] == "the model answers wrongly").count(), 2 * 2 * 6);
    let score: f64 = rows[20][8].parse().expect("a number");
    assert_eq!(Some(score), study.panels[0].scores[3][2].value(), "all digits");
}

#[test]
fn files_lie_in_the_folder_and_names_are_plain() {
    let place = tempfile::tempdir().expect("folder");
    let study = sweep(12);
    let analysis = analyze(&study, &quick(), &mut |_, _| {}).expect("an analysis");
    let folder = place.path().join("new");
    let written = write(&folder, &study, &analysis).expect("written");
    assert!(written.iter().all(|path| path.is_file()) && written.len() > 8);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
    assert!(written.iter().all(|path| path.file_name().is_some_and(|name| name.to_string_lossy().chars().all(plain))));
    let refused = write(&written[0], &study, &analysis).expect_err("a file is no folder").to_string();
    assert!(refused.contains("the folder cannot be created"), "{refused}");
}

/// Names that are the same but for their signs, or that no file can have, are told apart.
#[test]
fn figures_of_names_that_look_alike_are_files_of_their_own() {
    let mut study = sweep(12);
    study.panels[0].method = "方法".repeat(90) + "/..";
    study.panels[1].method = "方法".repeat(80) + "..";
    let files = all(&study);
    let names: std::collections::BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names.len(), files.len());
    assert!(names.iter().all(|name| name.len() < 140), "{names:?}");
}

/// The same study and settings give the same files, in whatever order the panels come.
#[test]
fn a_report_is_repeatable() {
    let study = sweep(12);
    assert_eq!(all(&study), all(&study));
    let mut turned = study.clone();
    turned.panels.reverse();
    let of = |study: &Study| analyze(study, &quick(), &mut |_, _| {}).expect("an analysis");
    assert_eq!(of(&study).panels[1], of(&turned).panels[0]);
}

/// A figure is a file as SVG, which needs no style sheet, and as PNG, twice as large and on white.
#[test]
fn every_figure_is_there_as_svg_and_png() {
    let files = all(&sweep(12));
    let figures: Vec<&str> = files.iter().filter_map(|file| file.name.strip_suffix(".svg")).collect();
    // the loss of all, and for both panels regret, facts and layers
    assert_eq!(figures.len(), 1 + 2 * 3, "{figures:?}");
    for name in figures {
        let svg = named(&files, &format!("{name}.svg"));
        assert!(!svg.contains("<style") && svg.contains("fill=\"#ffffff\""), "{name}");
        let png = bytes(&files, &format!("{name}.png"));
        assert_eq!(&png[1..4], b"PNG");
        let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
        let of_svg = |word: &str| -> f64 {
            let (_, rest) = svg.split_once(&format!(" {word}=\"")).expect(word);
            rest.split('"').next().and_then(|number| number.parse().ok()).expect("a number")
        };
        assert_eq!(f64::from(size(16)), 2.0 * of_svg("width").ceil(), "{name}");
        assert_eq!(f64::from(size(20)), 2.0 * of_svg("height").ceil(), "{name}");
    }
}

/// The answer stands first, whatever is left of it.
#[test]
fn the_answer_is_first_and_many_sentences_are_counted() {
    let mut study = sweep(12);
    let panels: Vec<_> = (0..4)
        .flat_map(|_| study.panels.clone())
        .enumerate()
        .map(|(number, panel)| locus_analysis::Panel { method: format!("{} {number}", panel.method), ..panel })
        .collect();
    study.panels = panels;
    let text = named(&all(&study), "report.md").to_owned();
    let (_, answer) = text.split_once("## The answer").expect("an answer");
    let (answer, rest) = answer.split_once("\n## ").expect("more");
    assert!(answer.contains("of 8 pairs of method and objective"), "{answer}");
    assert!(!answer.contains("On GPT-2 XL") && rest.contains("On GPT-2 XL, for ROME 0 and error injection"));
    let order =
        ["The answer", "What it costs", "As it should be", "As published", "Layer by layer", "Compute it again"];
    let places: Vec<usize> = order.iter().map(|title| text.find(&format!("\n## {title}")).expect(title)).collect();
    assert!(places.is_sorted(), "{places:?}");
}
