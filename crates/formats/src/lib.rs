//! Public standards, one file each: OSV, RustSec, KEV, EPSS, SSVC, purl.
