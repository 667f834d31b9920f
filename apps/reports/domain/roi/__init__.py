"""What an improvement returned: lines of benefit and cost, their evidence, and how sure one may be of the sum."""
