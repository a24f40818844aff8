"""Images with a class: networks, training, scores, evaluation and what fills classes up."""
