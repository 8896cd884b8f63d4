//! The long table as Parquet: typed columns, nulls where there is no number, and what the names mean in the file's metadata.

use super::long_table::{LongRow, origins, rows};
use crate::panel::Study;
use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type};
use ::parquet::errors::Result;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// The columns, in the order of the CSV. A fact that passes the filter has no `left_out`, and a row with both numbers no
/// `missing`.
pub const SCHEMA: &str = "message rows {
  required binary method (UTF8);
  required int32 window;
  required binary objective (UTF8);
  required binary score_name (UTF8);
  required binary localizer (UTF8);
  required binary fact (UTF8);
  optional binary left_out (UTF8);
  required int32 layer;
  optional double score;
  optional double effect;
  optional binary missing (UTF8);
}";

/// Rows that are held as columns at once.
const GROUP: usize = 1 << 18;

/// The long table as the bytes of a Parquet file.
///
/// # Errors
///
/// Those of the writer, which is memory.
pub fn render(study: &Study) -> Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let told = |[kind, name, meaning]: [String; 3]| KeyValue::new(format!("locus {kind}: {name}"), meaning);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(study.identity.program.clone())
        .set_key_value_metadata(Some(origins(study).into_iter().map(told).collect()))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut left = rows(study);
    loop {
        let group: Vec<LongRow<'_>> = left.by_ref().take(GROUP).collect();
        if group.is_empty() {
            return writer.into_inner();
        }
        let mut columns = writer.next_row_group()?;
        texts(&mut columns, &group, |row| &row.panel().method)?;
        integers(&mut columns, &group, |row| row.panel().window)?;
        texts(&mut columns, &group, |row| &row.panel().objective)?;
        texts(&mut columns, &group, |row| &row.panel().score)?;
        texts(&mut columns, &group, |row| row.localizer())?;
        texts(&mut columns, &group, |row| &row.fact().id)?;
        texts_if_any(&mut columns, &group, |row| row.fact().left_out.as_deref())?;
        integers(&mut columns, &group, |row| row.layer())?;
        column::<DoubleType>(&mut columns, &group, |row| row.score().value())?;
        column::<DoubleType>(&mut columns, &group, |row| row.effect().value())?;
        texts_if_any(&mut columns, &group, |row| Some(row.missing()).filter(|reason| !reason.is_empty()))?;
        columns.close()?;
    }
}

type Columns<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// The next column: its values, and where there is none.
fn column<T: DataType>(
    columns: &mut Columns<'_>,
    rows: &[LongRow<'_>],
    of: impl Fn(&LongRow<'_>) -> Option<T::T>,
) -> Result<()> {
    let Some(mut column) = columns.next_column()? else { return Ok(()) };
    let values: Vec<Option<T::T>> = rows.iter().map(of).collect();
    let is_there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let there: Vec<T::T> = values.into_iter().flatten().collect();
    // a column that is always there has no such list, and the writer leaves it unread
    column.typed::<T>().write_batch(&there, Some(&is_there), None)?;
    column.close()
}

fn texts_if_any<'a>(
    columns: &mut Columns<'_>,
    rows: &[LongRow<'a>],
    of: impl Fn(&LongRow<'a>) -> Option<&'a str>,
) -> Result<()> {
    let Some(mut column) = columns.next_column()? else { return Ok(()) };
    let values: Vec<Option<&str>> = rows.iter().map(of).collect();
    let is_there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let there: Vec<ByteArray> = values.into_iter().flatten().map(ByteArray::from).collect();
    column.typed::<ByteArrayType>().write_batch(&there, Some(&is_there), None)?;
    column.close()
}

fn texts<'a>(columns: &mut Columns<'_>, rows: &[LongRow<'a>], of: impl Fn(&LongRow<'a>) -> &'a str) -> Result<()> {
    texts_if_any(columns, rows, |row| Some(of(row)))
}

fn integers(columns: &mut Columns<'_>, rows: &[LongRow<'_>], of: impl Fn(&LongRow<'_>) -> usize) -> Result<()> {
    column::<Int32Type>(columns, rows, |row| Some(i32::try_from(of(row)).unwrap_or(i32::MAX)))
}
