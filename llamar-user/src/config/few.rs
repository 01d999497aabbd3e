//! Lists that have one element or none, nearly all of them.

use std::ops::Deref;

/// A list that does not grow. One element takes no memory beside the value itself.
#[derive(Clone, Debug)]
pub struct Few<T>(Inner<T>);

#[derive(Clone, Debug)]
enum Inner<T> {
    AtMostOne(Option<T>),
    Many(Box<[T]>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Inner::AtMostOne(None))
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(mut list: Vec<T>) -> Self {
        Self(match list.len() {
            0 | 1 => Inner::AtMostOne(list.pop()),
            _ => Inner::Many(list.into()),
        })
    }
}

impl<T> Few<T> {
    /// A list of one element.
    pub fn one(element: T) -> Self {
        Self(Inner::AtMostOne(Some(element)))
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Inner::AtMostOne(one) => one.as_slice(),
            Inner::Many(list) => list,
        }
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_what_it_was_made_of() {
        for length in 0..5 {
            let list: Vec<u32> = (0..length).collect();
            let few = Few::from(list.clone());
            assert_eq!(*few, list);
            assert_eq!(few, few.clone());
            assert!(few.into_iter().eq(&list));
            assert_ne!(few, Few::from(vec![7, 7]));
        }
        assert_eq!(Few::one(9), Few::from(vec![9]));
        assert!(Few::<u32>::default().is_empty());
    }
}
