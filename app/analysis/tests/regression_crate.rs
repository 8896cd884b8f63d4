//! The closed forms and the clustered errors against a regression crate that shares no code with them.

mod support;

use anofox_regression::inference::cluster::{ClusterOptions, ClusterType, lm_cluster_vcov};
use faer::{Col, Mat};
use locus_analysis::clustered::honest;
use locus_analysis::published::published;
use locus_analysis::rows::Rows;
