//! The report as one HTML file: light and dark, figures inside, nothing fetched, details folded. On paper stands what is
//! unfolded, and what its numbers rest on; rows and figures are whole, and tables repeat their heads.

use super::svg::{DARK, Figure, escaped};
use super::table::Table;
use super::{Part, Report, Section};

const STYLE: &str = "\
:root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#59636e;--rule:#d8dce2;--tint:#f4f6f8;--mark:#0060a0}\
@media screen and (prefers-color-scheme:dark){:root{--page:#14171b;--ink:#e6e8eb;--soft:#9aa3af;--rule:#3a414b;\
--tint:#1d2126;--mark:#7cc4f0}}\
body{background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif;max-width:80rem;margin:2rem auto;\
padding:0 1.2rem;overflow-wrap:break-word}h1{font-size:1.7rem;line-height:1.25}\
h2{margin-top:2.6rem;border-bottom:1px solid var(--rule);padding-bottom:.2rem}h2,h3{break-after:avoid}\
nav{margin:1.2rem 0;padding:.6rem 1rem;background:var(--tint)}nav ul{margin:.1rem 0;padding-left:1.2rem}\
nav>ul{padding-left:.4rem;list-style:none}nav ul ul{font-size:.9rem}a{color:var(--mark)}\
.about{color:var(--soft);font-size:.88rem;margin:0;padding-left:1.2rem}#answer>p{border-left:4px solid var(--mark);\
padding:.3rem .9rem;background:var(--tint);margin:.5rem 0}p{max-width:66rem;break-inside:avoid}\
details.part{border-left:2px solid var(--rule);padding-left:.9rem;margin:.7rem 0}\
details.part>summary{font-weight:600;cursor:pointer}summary{color:var(--mark)}\
.wide{overflow-x:auto;margin-bottom:.7rem}.whole{break-inside:avoid}table{border-collapse:collapse;font-size:.78rem;font-variant-numeric:tabular-nums;\
line-height:1.4}caption,.caption{text-align:left;font-weight:600}.caption{margin:1.4rem 0 .2rem;break-after:avoid}\
th{border-top:2px solid var(--ink);border-bottom:1px solid var(--ink);text-align:left;font-weight:600;\
vertical-align:bottom}th,td{padding:.25rem .4rem}td{vertical-align:top}tbody tr{break-inside:avoid}\
tbody tr:last-child td{border-bottom:2px solid var(--ink)}.n{text-align:right}td.n,.w{white-space:nowrap}\
.quoted td{color:var(--soft);font-style:italic}.range{display:block;font-size:.92em;color:var(--soft)}\
.reading{font-size:.88rem;margin:.2rem 0 .5rem;break-after:avoid}\
.notes{color:var(--soft);font-size:.82rem;margin:.2rem 0 1.4rem}.notes p{margin:.15rem 0}\
figure{margin:1.2rem 0;break-inside:avoid}figcaption{color:var(--soft);font-size:.88rem}\
svg{max-width:100%;height:auto;display:block}.fig{font-family:system-ui,sans-serif}.fig .page{fill:none}\
pre{background:var(--tint);padding:.8rem;font-size:.8rem;white-space:pre-wrap}\
@page{size:A4 landscape;margin:12mm}\
@media print{body{max-width:none;margin:0;padding:0;font-size:10.5pt}table{font-size:7.6pt}.notes{font-size:7.6pt}\
.reading{font-size:8.6pt}.wide{overflow:visible}thead{display:table-header-group}\
details.notes::details-content{content-visibility:visible;block-size:auto;display:block}summary{color:inherit}\
.notes>summary{list-style:none}nav{display:none}th,td{padding:.18rem .4rem}h2{break-before:auto}svg{max-height:165mm}}";

/// Width of a table on the page, and what takes room in it, in pixels. Letters are taken at what wide ones have.
const ROOM: f64 = 1190.0;
const LETTER: f64 = 7.7;
const BETWEEN: f64 = 13.0;
/// Rows of a table that is not broken on paper.
const WHOLE: usize = 12;
/// Letters of words that stay in one line.
const SHORT: usize = 15;

pub fn render(report: &Report) -> String {
    let title = escaped(&report.title);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>{title}</title>\n<style>{STYLE}\
         @media screen and (prefers-color-scheme:dark){{{DARK}}}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    let mut sections = report.sections.iter();
    // the answer stands before the contents
    sections.by_ref().take(1).for_each(|own| section(&mut text, own));
    contents(&mut text, report);
    text.push_str(
        "<details class=\"part\"><summary>Model, facts, seeds and settings</summary>\n<ul class=\"about\">\n",
    );
    report.about.iter().for_each(|line| text.push_str(&format!("<li>{}</li>\n", escaped(line))));
    text.push_str("</ul>\n</details>\n");
    sections.for_each(|own| section(&mut text, own));
    text.push_str("</body>\n</html>\n");
    text
}

/// Where things stand: sections, and the parts in them.
fn contents(text: &mut String, report: &Report) {
    text.push_str("<nav aria-label=\"Contents\"><ul>\n");
    for section in report.sections.iter().skip(1) {
        text.push_str(&format!("<li><a href=\"#{}\">{}</a>", section.id, escaped(section.title)));
        if !section.parts.is_empty() {
            let link = |(place, part): (usize, &Part)| {
                format!("<a href=\"#{}-{place}\">{}</a>", section.id, escaped(&part.title))
            };
            let links: Vec<String> = section.parts.iter().enumerate().map(link).collect();
            text.push_str(&format!("<ul><li>{}</li></ul>", links.join(" · ")));
        }
        text.push_str("</li>\n");
    }
    text.push_str("</ul></nav>\n");
}

fn section(text: &mut String, section: &Section) {
    let class = if section.lead { " class=\"lead\"" } else { "" };
    text.push_str(&format!("<section id=\"{}\"{class}>\n<h2>{}</h2>\n", section.id, escaped(section.title)));
    paragraphs(text, &section.text);
    section.tables.iter().for_each(|own| table(text, own));
    section.figures.iter().for_each(|own| figure(text, own));
    section.parts.iter().enumerate().for_each(|(place, own)| part(text, own, &format!("{}-{place}", section.id)));
    if let Some(code) = &section.code {
        text.push_str(&format!("<pre><code>{}</code></pre>\n", escaped(code)));
    }
    text.push_str("</section>\n");
}

fn part(text: &mut String, own: &Part, id: &str) {
    let title = escaped(&own.title);
    let open = if own.folded { "" } else { " open" };
    text.push_str(&format!("<details class=\"part\" id=\"{id}\"{open}><summary>{title}</summary>\n"));
    paragraphs(text, &own.text);
    own.tables.iter().for_each(|own| table(text, own));
    own.figures.iter().for_each(|own| figure(text, own));
    own.parts.iter().enumerate().for_each(|(place, inner)| part(text, inner, &format!("{id}-{place}")));
    text.push_str("</details>\n");
}

fn paragraphs(text: &mut String, all: &[String]) {
    all.iter().for_each(|paragraph| text.push_str(&format!("<p>{}</p>\n", escaped(paragraph))));
}

fn figure(text: &mut String, figure: &Figure) {
    let caption = escaped(&figure.title);
    text.push_str(&format!("<figure>\n{}<figcaption>{caption}</figcaption>\n</figure>\n", figure.svg));
}

/// How wide words are that break between each other, but for those of so few letters.
fn word(text: &str, short: usize) -> f64 {
    let longest = text.split(' ').map(|word| word.chars().count()).max().unwrap_or_default();
    LETTER * text.chars().count().min(longest.max(short)) as f64 + BETWEEN
}

/// How wide a number is; its interval stands below it.
fn width(text: &str) -> f64 {
    let (number, range) = text.split_once(" [").unwrap_or((text, ""));
    let letters = |text: &str| text.chars().count() as f64;
    let range = if range.is_empty() { 0.0 } else { 0.92 * (letters(range) + 1.0) };
    LETTER * letters(number).max(range) + BETWEEN
}

fn table(text: &mut String, table: &Table) {
    text.push_str(&format!("<p class=\"caption\" id=\"{}\">{}</p>\n", table.id, escaped(&table.title)));
    for line in &table.reading {
        text.push_str(&format!("<p class=\"reading\">{}</p>\n", escaped(line)));
    }
    let class = |place: usize| if place < table.words { "" } else { " class=\"n\"" };
    let in_page = |column: usize, is_head: bool, text: &str| match (is_head, column < table.words) {
        (true, _) => word(text, 0),
        (false, true) => word(text, SHORT),
        (false, false) => width(text),
    };
    for block in table.blocks(ROOM, in_page) {
        let whole = if table.rows.len() <= WHOLE { " whole" } else { "" };
        text.push_str(&format!(
            "<div class=\"wide{whole}\"><table aria-label=\"{}\">\n<thead><tr>",
            escaped(&table.title)
        ));
        for place in &block {
            text.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(*place), escaped(&table.columns[*place])));
        }
        text.push_str("</tr></thead>\n<tbody>\n");
        for row in &table.rows {
            text.push_str(if row.quoted { "<tr class=\"quoted\">" } else { "<tr>" });
            for place in &block {
                let printed = table.printed(&row.cells[*place]);
                let is_short = *place < table.words && printed.chars().count() <= SHORT;
                let class = if is_short { " class=\"w\"" } else { class(*place) };
                text.push_str(&format!("<td{class}>{}</td>", cell(&printed)));
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</tbody></table></div>\n");
    }
    let reasons = table.numbered_reasons();
    if !reasons.is_empty() {
        text.push_str(&format!("<p class=\"notes\">{}</p>\n", escaped(&reasons.join(" "))));
    }
    if !table.notes.is_empty() {
        text.push_str("<details class=\"notes\"><summary>What these numbers are based on</summary>\n");
        table.notes.iter().for_each(|note| text.push_str(&format!("<p>{}</p>\n", escaped(note))));
        text.push_str("</details>\n");
    }
}

/// The text of a cell; an interval stands below its number.
fn cell(printed: &str) -> String {
    match printed.split_once(" [") {
        Some((number, range)) if range.ends_with(']') => {
            format!("{} <span class=\"range\">[{}</span>", escaped(number), escaped(range))
        }
        _ => escaped(printed),
    }
}
