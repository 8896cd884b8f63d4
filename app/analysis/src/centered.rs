//! Tables without gaps, less the means of their layers and facts.

/// A table `[fact][layer]` less the mean of each layer.
pub fn less_layers(table: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let layers = table.first().map_or(0, Vec::len);
    let mean = |layer: usize| table.iter().map(|row| row[layer]).sum::<f64>() / table.len() as f64;
    let means: Vec<f64> = (0..layers).map(mean).collect();
    table.iter().map(|row| row.iter().zip(&means).map(|(value, mean)| value - mean).collect()).collect()
}

/// A table `[fact][layer]` less the means of layers and of facts.
pub fn less_facts_and_layers(table: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let less_fact = |row: Vec<f64>| {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        row.into_iter().map(|value| value - mean).collect()
    };
    less_layers(table).into_iter().map(less_fact).collect()
}
