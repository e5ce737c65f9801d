"""The papers' machines by the timing model: points, claims, pictures, and a report."""
