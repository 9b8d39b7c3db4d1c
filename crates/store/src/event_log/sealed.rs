//! A sealed segment: one Parquet file that any engine reads, rows sorted by host, then time.
//!
//! Columns, all required: `seq` UINT64, `recorded_ms` and `time_ms` TIMESTAMP(MILLIS, UTC), `host`
//! and `source` STRING, `class_uid` UINT32, `id` UUID, `ocsf` and `raw` JSON. One row group, zstd.
//! The file's CRC-32C stands in its name, so damage is seen before anything is decoded.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use spine::ids::IdError;
use spine::{Digest, EventId, HostId};
use uuid::Uuid;

use super::EventFilter;
use super::names::SealedName;
use super::row::Row;

const SCHEMA: &str = "message event {
    REQUIRED INT64 seq (INTEGER(64, false));
    REQUIRED INT64 recorded_ms (TIMESTAMP(MILLIS, true));
    REQUIRED INT64 time_ms (TIMESTAMP(MILLIS, true));
    REQUIRED BYTE_ARRAY host (STRING);
    REQUIRED BYTE_ARRAY source (STRING);
    REQUIRED INT32 class_uid (INTEGER(32, false));
    REQUIRED FIXED_LEN_BYTE_ARRAY (16) id (UUID);
    REQUIRED BYTE_ARRAY ocsf (JSON);
    REQUIRED BYTE_ARRAY raw (JSON);
}";
/// Columns of [`SCHEMA`], in order.
const HOST_COLUMN: i32 = 3;
const TIME_COLUMN: i32 = 2;
const NUMBERS: [&str; 3] = ["seq", "recorded_ms", "time_ms"];
const UNIQUE: [&str; 3] = ["id", "ocsf", "raw"];

const ZSTD_LEVEL: i32 = 3;

/// Why a sealed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealedError {
    #[error("its checksum is {found:08x}, not {expected:08x}")]
    Checksum { found: u32, expected: u32 },
    #[error("{0}")]
    Parquet(#[from] ParquetError),
    #[error("row {row} is malformed: {reason}")]
    Row { row: usize, reason: String },
}

/// A Parquet file of some rows and its name. `rows` must not be empty.
pub(crate) fn encode(mut rows: Vec<Row>) -> Result<(SealedName, Vec<u8>), SealedError> {
    rows.sort_by_key(|row| (row.host, row.time_ms, row.seq));
    let mut name = SealedName {
        first: rows.iter().map(|row| row.seq).min().unwrap_or_default(),
        last: rows.iter().map(|row| row.seq).max().unwrap_or_default(),
        events: rows.len() as u64,
        time_min: rows.iter().map(|row| row.time_ms).min().unwrap_or_default(),
        time_max: rows.iter().map(|row| row.time_ms).max().unwrap_or_default(),
        recorded_max: rows.iter().map(|row| row.recorded_ms).max().unwrap_or_default(),
        crc: 0,
    };
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties()?))?;
    let mut group = writer.next_row_group()?;
    let out = &mut group;
    // Text is moved out of the rows, so that it is in memory once.
    let text = |text: &mut String| ByteArray::from(std::mem::take(text).into_bytes());
    let rows = rows.as_mut_slice();
    column::<Int64Type>(out, rows, |row| row.seq.cast_signed())?;
    column::<Int64Type>(out, rows, |row| row.recorded_ms)?;
    column::<Int64Type>(out, rows, |row| row.time_ms)?;
    column::<ByteArrayType>(out, rows, |row| text(&mut row.host.to_string()))?;
    column::<ByteArrayType>(out, rows, |row| text(&mut row.source))?;
    column::<Int32Type>(out, rows, |row| row.class_uid.cast_signed())?;
    column::<FixedLenByteArrayType>(out, rows, |row| {
        FixedLenByteArray::from(row.id.0.as_bytes().to_vec())
    })?;
    column::<ByteArrayType>(out, rows, |row| text(&mut row.ocsf))?;
    column::<ByteArrayType>(out, rows, |row| text(&mut row.raw))?;
    group.close()?;
    let bytes = writer.into_inner()?;
    name.crc = crc32c::crc32c(&bytes);
    Ok((name, bytes))
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let sorted = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    let mut builder = WriterProperties::builder()
        .set_created_by("ringfort".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "ringfort.schema".to_owned(),
            "event/v1".to_owned(),
        )]))
        .set_sorting_columns(Some(vec![sorted(HOST_COLUMN), sorted(TIME_COLUMN)]));
    for name in NUMBERS {
        let path = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    for name in UNIQUE {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    Ok(builder.build())
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &mut [Row],
    value: impl Fn(&mut Row) -> T::T,
) -> Result<(), ParquetError> {
    let values: Vec<T::T> = rows.iter_mut().map(value).collect();
    let mut writer = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has too few columns".to_owned()))?;
    writer.typed::<T>().write_batch(&values, None, None)?;
    writer.close()
}

/// Whether the bytes are the ones that were sealed under this name.
pub(crate) fn check(name: &SealedName, bytes: &[u8]) -> Result<(), SealedError> {
    let found = crc32c::crc32c(bytes);
    if found == name.crc {
        return Ok(());
    }
    Err(SealedError::Checksum { found, expected: name.crc })
}

/// The rows of a sealed file that pass the filter, by sequence number.
pub(crate) fn decode(
    name: &SealedName,
    bytes: Vec<u8>,
    filter: &EventFilter,
) -> Result<Vec<Row>, SealedError> {
    check(name, &bytes)?;
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes))?;
    let mut rows = Vec::new();
    for group in 0..reader.num_row_groups() {
        decode_group(&*reader.get_row_group(group)?, filter, &mut rows)?;
    }
    rows.sort_by_key(|row| row.seq);
    Ok(rows)
}

fn decode_group(
    group: &dyn RowGroupReader,
    filter: &EventFilter,
    out: &mut Vec<Row>,
) -> Result<(), SealedError> {
    let ids = values::<FixedLenByteArrayType>(group, 6)?;
    let mut rows = Vec::with_capacity(ids.len());
    for (row, id) in ids.iter().enumerate() {
        let id = Uuid::from_slice(id.data())
            .map_err(|error| SealedError::Row { row, reason: error.to_string() })?;
        rows.push(Row {
            seq: 0,
            recorded_ms: 0,
            time_ms: 0,
            host: HostId(Digest([0; 32])),
            source: String::new(),
            class_uid: 0,
            id: EventId(id),
            ocsf: String::new(),
            raw: String::new(),
        });
    }
    let rows = &mut rows;
    fill::<Int64Type, _>(group, 0, rows, |row| &mut row.seq, |value| Ok(value.cast_unsigned()))?;
    fill::<Int64Type, _>(group, 1, rows, |row| &mut row.recorded_ms, |value| Ok(*value))?;
    fill::<Int64Type, _>(group, 2, rows, |row| &mut row.time_ms, |value| Ok(*value))?;
    fill::<ByteArrayType, _>(group, 3, rows, |row| &mut row.host, host)?;
    fill::<ByteArrayType, _>(group, 4, rows, |row| &mut row.source, text)?;
    let class = |value: &i32| Ok(value.cast_unsigned());
    fill::<Int32Type, _>(group, 5, rows, |row| &mut row.class_uid, class)?;
    if rows.iter().any(|row| filter.wants(row)) {
        fill::<ByteArrayType, _>(group, 7, rows, |row| &mut row.ocsf, text)?;
        fill::<ByteArrayType, _>(group, 8, rows, |row| &mut row.raw, text)?;
        out.extend(rows.drain(..).filter(|row| filter.wants(row)));
    }
    Ok(())
}

fn host(value: &ByteArray) -> Result<HostId, String> {
    text(value)?.parse().map_err(|error: IdError| error.to_string())
}

fn text(value: &ByteArray) -> Result<String, String> {
    value.as_utf8().map(str::to_owned).map_err(|error| error.to_string())
}

/// Reads a column into its field of the rows.
fn fill<T: DataType, V>(
    group: &dyn RowGroupReader,
    column: usize,
    rows: &mut [Row],
    field: impl Fn(&mut Row) -> &mut V,
    read: impl Fn(&T::T) -> Result<V, String>,
) -> Result<(), SealedError> {
    let values = values::<T>(group, column)?;
    for (at, (row, value)) in rows.iter_mut().zip(&values).enumerate() {
        *field(row) = read(value).map_err(|reason| SealedError::Row { row: at, reason })?;
    }
    Ok(())
}

fn values<T: DataType>(
    group: &dyn RowGroupReader,
    column: usize,
) -> Result<Vec<T::T>, ParquetError> {
    let rows = usize::try_from(group.metadata().num_rows())
        .map_err(|_| ParquetError::General("a negative number of rows".to_owned()))?;
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let mut values = Vec::new();
    while values.len() < rows {
        let (records, _, _) = reader.read_records(rows - values.len(), None, None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::General(format!("column {column} is too short")));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::samples;

    fn stored(n: u64) -> Row {
        samples::row(100 - n, 7, &samples::event(n))
    }

    #[test]
    fn sealed_events_read_back_by_number() {
        let events: Vec<_> = (0..50).map(stored).collect();
        let (name, bytes) = encode(events.clone()).unwrap();
        assert_eq!((name.first, name.last, name.events), (51, 100, 50));
        let read = decode(&name, bytes, &EventFilter::default()).unwrap();
        assert_eq!(read, events.into_iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn the_rows_are_sorted_by_host_then_time_and_the_file_says_so() {
        let (_, bytes) = encode((0..50).map(stored).collect()).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 1);
        let group = reader.get_row_group(0).unwrap();
        let sorting = group.metadata().sorting_columns().unwrap();
        assert_eq!(sorting.iter().map(|s| s.column_idx).collect::<Vec<_>>(), [3, 2]);
        let hosts = values::<ByteArrayType>(&*group, 3).unwrap();
        let times = values::<Int64Type>(&*group, 2).unwrap();
        let keys: Vec<_> = hosts.iter().map(|h| h.data().to_vec()).zip(times).collect();
        assert!(keys.is_sorted());
        assert!(keys.first().unwrap().0 != keys.last().unwrap().0);
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let (name, bytes) = encode((0..3).map(stored).collect()).unwrap();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x40;
            let error = decode(&name, bytes, &EventFilter::default()).unwrap_err();
            assert!(matches!(error, SealedError::Checksum { .. }), "{at}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_parquet_is_an_error_even_if_its_checksum_fits() {
        let (mut name, bytes) = encode(vec![stored(1)]).unwrap();
        for cut in 0..bytes.len() {
            let bytes = bytes[..cut].to_vec();
            name.crc = crc32c::crc32c(&bytes);
            assert!(decode(&name, bytes, &EventFilter::default()).is_err(), "{cut}");
        }
    }
}
