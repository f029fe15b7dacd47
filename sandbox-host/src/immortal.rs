//! Objects of the interpreter whose references are not counted.
//!
//! CPython counts references in the objects themselves, and the first write to a page of an interpreter's memory copies
//! it: a program that only looks at what is there would copy hundreds of pages. Objects that exist when the component is
//! made outlive every program, so they are made immortal ([PEP 683]), which CPython sees by their count alone. The guest
//! leaves a list of them in its memory (`_learnflow/immortal.py`).
//!
//! [PEP 683]: https://peps.python.org/pep-0683/

use std::ops::Range;

use wasmparser::{BinaryReaderError, DataKind, Operator, Parser, Payload};

/// What stands before the list: then the number of objects, twice, then their addresses, each a little-endian word.
const SIGN: &[u8] = b"These objects are immortal:";
/// `_Py_IMMORTAL_INITIAL_REFCNT` of CPython 3.14 on machines of 32 bits (Include/refcount.h).
const IMMORTAL: u32 = 5 << 28;
/// `_Py_IMMORTAL_MINIMUM_REFCNT`: from here on a count is an immortal object's already.
const ALREADY: u32 = 1 << 30;
const WORD: usize = 4;

/// A part of the memory's first contents: where it will be, and where it lies in the component.
struct Segment {
    address: usize,
    bytes: Range<usize>,
}

/// Makes the listed objects immortal and returns how many were; none in a component without a list.
///
/// # Errors
/// When `component` is not a component.
pub(crate) fn immortalise(component: &mut [u8]) -> Result<usize, BinaryReaderError> {
    let segments = segments(component)?;
    let Some(objects) = segments.iter().find_map(|segment| listed(&component[segment.bytes.clone()])) else {
        return Ok(0);
    };
    let mut count = 0;
    for address in objects {
        let Some(at) = place(&segments, address) else { continue };
        let Some(word) = component.get_mut(at..at + WORD).and_then(|word| word.as_mut_array()) else {
            continue;
        };
        if (1..ALREADY).contains(&u32::from_le_bytes(*word)) {
            *word = IMMORTAL.to_le_bytes();
            count += 1;
        }
    }
    Ok(count)
}

/// What is put into memories at constant addresses, in the order of these.
fn segments(component: &[u8]) -> Result<Vec<Segment>, BinaryReaderError> {
    let mut segments = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let Payload::DataSection(section) = payload? else { continue };
        for data in section {
            let data = data?;
            let DataKind::Active { memory_index: 0, offset_expr } = data.kind else { continue };
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else { continue };
            let end = data.range.end;
            let address = value.cast_unsigned() as usize;
            segments.push(Segment { address, bytes: end - data.data.len()..end });
        }
    }
    segments.sort_by_key(|segment| segment.address);
    Ok(segments)
}

/// The list, if it lies in these bytes.
fn listed(bytes: &[u8]) -> Option<Vec<usize>> {
    let starts = bytes.windows(SIGN.len()).enumerate().filter(|(_, window)| *window == SIGN);
    let mut lists = starts.filter_map(|(at, _)| {
        let (words, _) = bytes[at + SIGN.len()..].as_chunks::<WORD>();
        let [count, again, words @ ..] = words else { return None };
        let words = words.get(..u32::from_le_bytes(*count) as usize)?;
        (count == again).then(|| words.iter().map(|word| u32::from_le_bytes(*word) as usize).collect())
    });
    lists.next()
}

/// Where the word at an address lies in the component, if its contents are there.
fn place(segments: &[Segment], address: usize) -> Option<usize> {
    let before = segments.partition_point(|segment| segment.address <= address);
    let segment = &segments[before.checked_sub(1)?];
    let within = address - segment.address;
    (within + WORD <= segment.bytes.len()).then_some(segment.bytes.start + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module whose memory has, at 64, two objects, one with two references and one that is immortal already, then
    /// the sign alone, then the list of the two and of one beyond what is there.
    fn module() -> Vec<u8> {
        let mut memory = [2u32.to_le_bytes(), ALREADY.to_le_bytes()].concat();
        memory.extend(SIGN);
        memory.extend([1, 0, 0, 0, 9, 9, 9, 9]);
        memory.extend(SIGN);
        memory.extend([3u32, 3, 64, 68, 4_000].iter().flat_map(|word| word.to_le_bytes()));
        // The section of memories, and that of one segment: active, at 64.
        let size = u8::try_from(memory.len()).unwrap();
        let mut data = vec![1, 0, 0x41, 0xC0, 0, 0x0B, size];
        data.extend(&memory);
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([5, 3, 1, 0, 1, 11, u8::try_from(data.len()).unwrap()]);
        module.extend(data);
        module
    }

    #[test]
    fn what_is_listed_becomes_immortal() {
        let before = module();
        let mut after = before.clone();
        assert_eq!(immortalise(&mut after).unwrap(), 1);
        let changed: Vec<usize> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
        let at = place(&segments(&before).unwrap(), 64).unwrap();
        assert_eq!(changed, [at, at + 3]);
        assert_eq!(after[at..at + WORD], IMMORTAL.to_le_bytes());
    }

    #[test]
    fn without_a_list_nothing_changes() {
        let mut module = module();
        let end = module.len() - 5 * WORD;
        module[end] = 2;
        let before = module.clone();
        assert_eq!(immortalise(&mut module).unwrap(), 0);
        assert_eq!(module, before);
    }
}
