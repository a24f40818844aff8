"""How near images are to each other, pixel by pixel: shows copies of training images, and images all alike.

Images are uint8 (N, height, width, channels) throughout, and distances those of `normalised` images.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors


def normalised(images: np.ndarray) -> np.ndarray:
    """Images as points whose distance does not depend on their light.

    Returns:
        float32 (N, height * width * channels), each row of mean 0 and standard deviation 1 (0 for a flat image),
        divided by the square root of its length: two unrelated images are about 1.4 apart, copies 0.
    """
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= flat.std(axis=1, keepdims=True) + 1e-6
    return flat / np.sqrt(flat.shape[1], dtype=np.float32)


def nearest(images: np.ndarray, references: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The so many reference images nearest to each image: float (N, count) distances, ascending, and int rows."""
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(normalised(references))
    return search.kneighbors(normalised(images))


def track_floor(images: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    """How far a real image is from the nearest real image of another physical sign.

    Args:
        images: of one class.
        tracks: integers (N,), the physical sign; -1 where it is not known.

    Returns:
        float (N',) distances of the images with a known track, nothing where there are not two tracks.
    """
    known = np.flatnonzero(tracks >= 0)
    images, tracks = images[known], tracks[known]
    if len(np.unique(tracks)) < 2:
        return np.empty(0)
    points = normalised(images)
    # Frames of one track lie together, so the nearest of another one needs a search that leaves the track out.
    squares = np.maximum(2 - 2 * points @ points.T, 0)
    squares[tracks[:, None] == tracks[None, :]] = np.inf
    return np.sqrt(squares.min(axis=1))


def diversity(images: np.ndarray) -> float:
    """How much two or more images differ from each other in shape and place, whatever their light.

    Returns:
        The mean over the pixels of the standard deviation over the images, after `normalised` and in units of its
        own standard deviation: 0 for copies of one picture, about 1 for unrelated ones.
    """
    points = normalised(images)
    return float(points.std(axis=0).mean() * np.sqrt(points.shape[1]))


def spread(images: np.ndarray) -> float:
    """The median distance of two or more images to the nearest other one; small for copies of a few pictures too."""
    return float(np.median(nearest(images, images, 2)[0][:, 1]))


def compare(generated: np.ndarray, real: np.ndarray, tracks: np.ndarray) -> dict[str, float]:
    """Whether generated images of one class are as varied as real training images, and whether they are copies.

    Args:
        generated: one image or more.
        real: M training images of the class.
        tracks: integers (M,), the physical sign of each real image; -1 where it is not known.

    Returns:
        Each score and, with "_floor" behind its name, the same of real images:
        "diversity", which a single image has not, and "nearest_real", the median distance to the nearest real image;
        its floor is that of real images to the nearest one of another physical sign, left out where tracks are not
        known.  Far below the floor means copies, far above it images that do not look real.
    """
    scores = {"nearest_real": float(np.median(nearest(generated, real, 1)[0]))}
    if len(generated) > 1:
        scores |= {"diversity": diversity(generated), "diversity_floor": diversity(real)}
    floor = track_floor(real, tracks)
    return scores | ({"nearest_real_floor": float(np.median(floor))} if len(floor) else {})
