//! One value of many, by how many are below it.

/// Of sorted values, the one that this share of them is below; none of none.
pub fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied()
}
