//! The long table as CSV and as Parquet says the same.

mod support;

use ::parquet::basic::Type;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use locus_analysis::report::{csv, long_table, parquet};
use support::sweep;

/// A field of Parquet as the CSV writes it.
fn written(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Int(number) => number.to_string(),
        Field::Double(number) => number.to_string(),
        other => panic!("{other:?} is none of the types"),
    }
}

#[test]
fn parquet_holds_the_rows_of_the_csv_with_types_and_definitions() {
    let study = sweep(12);
    let bytes = parquet::render(&study).expect("Parquet");
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a Parquet file");
    let schema = reader.metadata().file_metadata().schema_descr();
    let columns: Vec<(&str, Type)> =
        schema.columns().iter().map(|column| (column.name(), column.physical_type())).collect();
    assert_eq!(columns.iter().map(|column| column.0).collect::<Vec<_>>(), csv::COLUMNS);
    for (name, kind) in columns {
        let expected = match name {
            "window" | "layer" => Type::INT32,
            "score" | "effect" => Type::DOUBLE,
            _ => Type::BYTE_ARRAY,
        };
        assert_eq!(kind, expected, "{name}");
    }
    let text = csv::render(&study).expect("CSV");
    let mut lines = ::csv::Reader::from_reader(text.as_slice());
    let mut lines = lines.records();
    let mut rows = 0;
    for row in reader.get_row_iter(None).expect("rows") {
        let row = row.expect("a row");
        let own: Vec<String> = row.get_column_iter().map(|(_, field)| written(field)).collect();
        let line = lines.next().expect("as many rows").expect("a row");
        assert_eq!(own, line.iter().collect::<Vec<_>>());
        rows += 1;
    }
    assert_eq!((rows, lines.count()), (2 * 2 * 12 * 6, 0));
    let told = reader.metadata().file_metadata().key_value_metadata().expect("metadata");
    for [kind, name, meaning] in long_table::origins(&study) {
        let key = format!("locus {kind}: {name}");
        assert!(told.iter().any(|own| own.key == key && own.value.as_deref() == Some(&meaning)), "{key}");
    }
    let model = told.iter().find(|own| own.key == "locus study: model").expect("the model");
    assert_eq!(model.value.as_deref(), Some("GPT-2 XL"));
}

#[test]
fn scores_are_rows_without_any_localizer() {
    let mut study = sweep(12);
    study.panels.iter_mut().for_each(|panel| panel.localizers.clear());
    let text = String::from_utf8(csv::render(&study).expect("CSV")).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len() - 1, 2 * 12 * 6);
    let (begins, ends) = ("ROME,1,error injection,rewrite score,,2,,0,", ",,no localizer");
    let line = lines.iter().find(|line| line.starts_with(begins)).expect("the row");
    let score = line.trim_start_matches(begins).trim_end_matches(ends);
    assert!(line.ends_with(ends) && score.parse::<f64>().is_ok(), "{line}");
    let reader = SerializedFileReader::new(bytes::Bytes::from(parquet::render(&study).expect("Parquet")));
    let rows = reader.expect("a Parquet file").metadata().file_metadata().num_rows();
    assert_eq!(rows, 2 * 12 * 6);
}

#[test]
fn names_are_said_once_and_a_study_without_rows_is_a_file() {
    let origins = long_table::origins(&sweep(12));
    assert_eq!(origins.iter().filter(|line| line[0] == "localizer").count(), 2);
    assert!(origins.iter().any(|line| line[1] == "the subject is not in the prompt" && line[2] == "3 facts"));
    let none = support::study(vec![support::whole_panel(&[], &[])]);
    let bytes = parquet::render(&none).expect("Parquet");
    assert_eq!(&bytes[..4], b"PAR1");
}
