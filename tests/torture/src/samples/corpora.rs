//! Corpora for second moments.

use super::{Form, Sample};
use anyhow::{Context, Result};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;
use std::sync::Arc;

const TEXTS: [&str; 3] = [
    "Anna Kellor plays the cello and the drum.",
    "Bram Bexley lives in the city of Tervinholm.",
    "People say that it rains.",
];

/// One of each format.
pub fn all() -> Result<Vec<Sample>> {
    let collect = |file: &str| format!("stats collect --corpus {file} --corpus-tokens 300 --json");
    let sample = |kind: &str, file: &str, bytes: Vec<u8>, form: Form| {
        Sample::new(kind, file, bytes, form, &collect(file)).with_own_cache()
    };
    let json: String = TEXTS.iter().map(|text| json!({ "text": text }).to_string() + "\n").collect();
    Ok(vec![
        sample("corpus of lines", "c.txt", TEXTS.join("\n").into_bytes(), Form::Text),
        sample("corpus of JSON lines", "c.jsonl", json.into_bytes(), Form::JsonLines),
        sample("Parquet corpus", "c.parquet", parquet()?, Form::Bytes),
    ])
}

fn parquet() -> Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type("message corpus { required binary text (UTF8); }")?);
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties)?;
    let mut group = writer.next_row_group()?;
    let mut column = group.next_column()?.context("a column")?;
    let values: Vec<ByteArray> = TEXTS.iter().map(|text| ByteArray::from(*text)).collect();
    column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
    column.close()?;
    group.close()?;
    writer.close()?;
    Ok(bytes)
}
