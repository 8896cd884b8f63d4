//! The report as one HTML file: light and dark, figures inside, nothing fetched.

use super::svg::escaped;
use super::table::Table;
use super::{Report, Section};

const STYLE: &str = "\
:root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#59636e;--rule:#d8dce2;--tint:#f4f6f8;--mark:#0072b2}\
@media(prefers-color-scheme:dark){:root{--page:#14171b;--ink:#e6e8eb;--soft:#9aa3af;--rule:#3a414b;--tint:#1d2126;\
--mark:#56b4e9}}\
body{background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif;max-width:72rem;margin:2rem auto;\
padding:0 1.2rem}h1{font-size:1.7rem}h2{margin-top:2.6rem;border-bottom:1px solid var(--rule);padding-bottom:.2rem}\
nav a{margin-right:1rem}a{color:var(--mark)}.about{color:var(--soft);font-size:.9rem}\
.lead p{border-left:4px solid var(--mark);padding:.3rem .9rem;background:var(--tint)}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}\
caption{text-align:left;font-weight:600;padding:.8rem 0 .4rem}\
th{border-top:2px solid var(--ink);border-bottom:1px solid var(--ink);text-align:left;font-weight:600}\
th,td{padding:.28rem .7rem;vertical-align:top}tbody tr:last-child td{border-bottom:2px solid var(--ink)}\
.n{text-align:right;white-space:nowrap}.quoted td{color:var(--soft);font-style:italic}\
.notes{color:var(--soft);font-size:.82rem;margin:.4rem 0 1.4rem;max-width:60rem}.notes p{margin:.15rem 0}\
figure{margin:1.2rem 0}figcaption{color:var(--soft);font-size:.88rem}svg{max-width:100%;height:auto}\
pre{background:var(--tint);padding:.8rem;overflow-x:auto}";

/// The whole report.
pub fn render(report: &Report) -> String {
    let title = escaped(&report.title);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n<ul class=\"about\">\n"
    );
    report.about.iter().for_each(|line| text.push_str(&format!("<li>{}</li>\n", escaped(line))));
    text.push_str("</ul>\n<nav>");
    for own in &report.sections {
        text.push_str(&format!("<a href=\"#{}\">{}</a>", own.id, escaped(own.title)));
    }
    text.push_str("</nav>\n");
    report.sections.iter().for_each(|own| section(&mut text, own));
    text.push_str("</body>\n</html>\n");
    text
}

fn section(text: &mut String, section: &Section) {
    let class = if section.lead { " class=\"lead\"" } else { "" };
    text.push_str(&format!("<section id=\"{}\"{class}>\n<h2>{}</h2>\n", section.id, escaped(section.title)));
    for paragraph in &section.text {
        text.push_str(&format!("<p>{}</p>\n", escaped(paragraph)));
    }
    for figure in &section.figures {
        let caption = escaped(&figure.title);
        text.push_str(&format!("<figure>\n{}<figcaption>{caption}</figcaption>\n</figure>\n", figure.svg));
    }
    section.tables.iter().for_each(|own| table(text, own));
    if let Some(code) = &section.code {
        text.push_str(&format!("<pre><code>{}</code></pre>\n", escaped(code)));
    }
    text.push_str("</section>\n");
}

fn table(text: &mut String, table: &Table) {
    let caption = escaped(&table.title);
    text.push_str(&format!(
        "<div class=\"wide\"><table id=\"{}\">\n<caption>{caption}</caption>\n<thead><tr>",
        table.id
    ));
    let class = |place: usize| if place < table.words { "" } else { " class=\"n\"" };
    for (place, name) in table.columns.iter().enumerate() {
        text.push_str(&format!("<th{}>{}</th>", class(place), escaped(name)));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        text.push_str(if row.quoted { "<tr class=\"quoted\">" } else { "<tr>" });
        for (place, content) in row.cells.iter().enumerate() {
            text.push_str(&format!("<td{}>{}</td>", class(place), escaped(&table.printed(content))));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n<div class=\"notes\">\n");
    for note in table.all_notes() {
        text.push_str(&format!("<p>{}</p>\n", escaped(&note)));
    }
    text.push_str("</div>\n");
}
