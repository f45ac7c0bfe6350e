"""The side-by-side benchmark: what explaining costs, beside other libraries, in one run."""
