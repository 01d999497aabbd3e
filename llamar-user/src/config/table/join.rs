//! Two ordered sequences of names side by side.

use std::cmp::Ordering;
use std::iter::Peekable;

use crate::dns::Name;

/// Every name of two ordered sequences once, with what each has for it.
pub fn join<'a, L, R>(
    left: impl Iterator<Item = (&'a Name, L)>,
    right: impl Iterator<Item = (&'a Name, R)>,
) -> impl Iterator<Item = (&'a Name, Option<L>, Option<R>)> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || match order(&mut left, &mut right)? {
        Ordering::Less => left.next().map(|(name, value)| (name, Some(value), None)),
        Ordering::Greater => right.next().map(|(name, value)| (name, None, Some(value))),
        Ordering::Equal => {
            let (name, value) = left.next()?;
            Some((name, Some(value), right.next().map(|(_, value)| value)))
        }
    })
}

/// Which side's next name comes first; `None` at the end of both.
fn order<'a, L, R>(
    left: &mut Peekable<impl Iterator<Item = (&'a Name, L)>>,
    right: &mut Peekable<impl Iterator<Item = (&'a Name, R)>>,
) -> Option<Ordering> {
    match (left.peek(), right.peek()) {
        (Some((left, _)), Some((right, _))) => Some(left.cmp(right)),
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_with_what_both_sides_have() {
        let names = ["a", "b", "C", "d"].map(|text| Name::parse(text).unwrap());
        let lower = Name::parse("c").unwrap();
        let left = [(&names[0], 1), (&names[2], 2)];
        let right = [(&names[1], 'x'), (&lower, 'y'), (&names[3], 'z')];
        let joined: Vec<_> = join(left.into_iter(), right.into_iter()).collect();
        let expected = [
            (&names[0], Some(1), None),
            (&names[1], None, Some('x')),
            (&names[2], Some(2), Some('y')),
            (&names[3], None, Some('z')),
        ];
        assert_eq!(joined, expected);
    }
}
