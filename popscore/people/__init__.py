"""What can be seen of people in a photo. Nothing here says who somebody is, or of which sex, age or origin."""
