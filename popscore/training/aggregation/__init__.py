"""The paper's aggregation transformer, trained on people's posts, and measured beside the taste that ships."""
