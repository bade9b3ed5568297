"""Which landmark lies where on the face: regions, mirror images and drawn contours of each landmark network's points.

FaceMesh's were found by running it on faces and their mirror images and looking at the indices on the picture. "Right"
and "left" are the subject's: the right eye is on the left of an unmirrored picture.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """The meaning of a network's landmarks.

    Attributes:
        mirror: for each landmark the index of its mirror image; itself on the midline.
        regions: indices by region. Those of `PARTITION` with `_right`, `_left` or neither cover every landmark once.
        contours: polylines to draw, as indices; closed ones end where they start.
    """

    mirror: tuple[int, ...]
    regions: dict[str, tuple[int, ...]]
    contours: tuple[tuple[int, ...], ...]

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The contours as pairs of indices."""
        return tuple(edge for line in self.contours for edge in itertools.pairwise(line))


# Regions that share no landmark and leave none out; each is the union of its right, left and middle ones.
PARTITION = (
    "forehead",
    "temples",
    "brows",
    "eyes",
    "irises",
    "nose",
    "cheeks",
    "lower_cheeks",
    "mouth_surround",
    "lips",
    "chin",
    "jaw_line",
)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


def _facemesh() -> Layout:
    mirror = _numbers(_MIRROR)

    def mirrored(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(mirror[i] for i in indices)

    regions: dict[str, tuple[int, ...]] = {}
    for name, text in _RIGHT_HALF.items():
        right = _numbers(text)
        regions[name] = tuple(sorted({*right, *mirrored(right)}))
    for name in ("brows", "eyes", "cheeks", "lower_cheeks", "temples"):
        right = _numbers(_RIGHT_HALF[name])
        regions[f"{name}_right"], regions[f"{name}_left"] = right, tuple(sorted(mirrored(right)))
    for name in ("irises", "irises_right", "irises_left"):
        regions[name] = ()
    regions["mouth"] = tuple(sorted({*regions["lips"], *regions["mouth_surround"]}))
    regions["jaw"] = tuple(sorted(index for name in _JAW for index in regions[name]))
    regions["nonjaw"] = tuple(sorted(set(range(len(mirror))) - set(regions["jaw"])))

    contours: list[tuple[int, ...]] = []
    for name, text in _RIGHT_CONTOURS.items():
        right = _numbers(text)
        left = mirrored(right)
        contours += [right + left[::-1][1:]] if name in _ACROSS else dict.fromkeys([right, left])
    return Layout(mirror, regions, tuple(contours))


def _attention() -> Layout:
    """FaceMesh's landmarks, then of each iris its centre and the four points around it, the right eye's first."""
    right, left = tuple(range(468, 473)), tuple(range(473, 478))
    mirror = [*FACEMESH.mirror, 473, 476, 475, 474, 477, 468, 471, 470, 469, 472]
    regions = {**FACEMESH.regions, "irises": right + left, "irises_right": right, "irises_left": left}
    regions["nonjaw"] = (*FACEMESH.regions["nonjaw"], *right, *left)
    rims = tuple((*iris[1:], iris[1]) for iris in (right, left))
    return Layout(tuple(mirror), regions, (*FACEMESH.contours, *rims))


def _fan() -> Layout:
    """The 68 points of the usual annotation scheme; it has none on forehead, temples, chin and around the mouth."""
    right_half = {name: _numbers(text) for name, text in _FAN_RIGHT_HALF.items()}
    mirror = list(range(68))
    for right, left in _FAN_PAIRS:
        for a, b in zip(right, left, strict=True):
            mirror[a], mirror[b] = b, a

    def mirrored(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(mirror[i] for i in indices)

    regions = {name: tuple(sorted({*right, *mirrored(right)})) for name, right in right_half.items()}
    for name in PARTITION:
        regions.setdefault(name, ())
    for name in ("brows", "eyes", "irises", "cheeks", "lower_cheeks", "temples"):
        right = right_half.get(name, ())
        regions[f"{name}_right"], regions[f"{name}_left"] = right, tuple(sorted(mirrored(right)))
    regions["mouth"] = regions["lips"]
    regions["mouth_surround_lower"] = ()
    regions["jaw"] = tuple(sorted(index for name in _JAW for index in regions[name]))
    regions["nonjaw"] = tuple(sorted(set(range(68)) - set(regions["jaw"])))
    return Layout(tuple(mirror), regions, tuple(_numbers(line) for line in _FAN_CONTOURS))


# The right half of each region, midline included; the left one is its mirror image.
_RIGHT_HALF = {
    "forehead": "9 10 21 54 67 68 69 103 104 108 109 151",
    "temples": "71 139 156 162",
    "brows": "46 52 53 55 63 65 66 70 105 107",
    "eyes": (
        "7 22 23 24 25 26 27 28 29 30 31 33 56 110 112 113 130 133 144 145 153 154 155 157 158 159 160 161 "
        "163 173 189 190 221 222 223 224 225 226 228 229 230 231 232 233 243 244 246 247"
    ),
    "nose": (
        "1 2 3 4 5 6 8 19 20 44 45 47 48 49 51 59 60 64 75 79 94 97 98 99 102 114 115 121 122 125 126 128 129 "
        "131 134 141 166 168 174 188 193 195 196 197 198 209 217 218 219 220 235 236 237 238 239 240 241 242 "
        "245"
    ),
    "cheeks": (
        "34 35 36 50 93 100 101 111 116 117 118 119 120 123 124 127 137 142 143 147 177 187 203 205 207 213 227 234"
    ),
    "lower_cheeks": "135 138 192 210 212 214 215 216",
    "mouth_surround": "43 57 92 106 164 165 167 186 202 206",
    "lips": (
        "0 11 12 13 14 15 16 17 37 38 39 40 41 42 61 62 72 73 74 76 77 78 80 81 82 84 85 86 87 88 89 90 91 95 "
        "96 146 178 179 180 181 183 184 185 191"
    ),
    "chin": "18 32 83 140 169 170 171 175 182 194 199 200 201 204 208 211",
    "jaw_line": "58 132 136 148 149 150 152 172 176",
    "mouth_surround_lower": "43 106 202",
    "lips_outer": "61 185 40 39 37 0 146 91 181 84 17",
    "lips_inner": "78 191 80 81 82 13 95 88 178 87 14",
    "upper_lip": "0 11 12 13 37 38 39 40 41 42 72 73 74 80 81 82 183 184 185 191",
    "lower_lip": "14 15 16 17 77 84 85 86 87 88 89 90 91 95 96 146 178 179 180 181",
    "eye_rims": "33 7 163 144 145 153 154 155 133 173 157 158 159 160 161 246",
    "face_oval": "10 109 67 103 54 21 162 127 234 93 132 58 172 136 150 149 176 148 152",
}

# What the lower jaw carries.
_JAW = ("jaw_line", "chin", "lower_cheeks", "lower_lip", "mouth_surround_lower")

# Drawn lines of the right half. Those named in _ACROSS start and end on the midline and are joined to their mirror
# image.
_RIGHT_CONTOURS = {
    "face_oval": "10 109 67 103 54 21 162 127 234 93 132 58 172 136 150 149 176 148 152",
    "upper_lip_outer": "0 37 39 40 185 61",
    "lower_lip_outer": "17 84 181 91 146 61",
    "upper_lip_inner": "13 82 81 80 191 78",
    "lower_lip_inner": "14 87 178 88 95 78",
    "eye": "33 7 163 144 145 153 154 155 133 173 157 158 159 160 161 246 33",
    "brow_top": "70 63 105 66 107",
    "brow_bottom": "46 53 52 65 55",
    "nose_bridge": "168 6 197 195 5 4",
    "nose_base": "2 97 98 64 48 115 220 45 4",
}
_ACROSS = ("face_oval", "nose_base")

# For each of the 468 landmarks its mirror image.
_MIRROR = """
0 1 2 248 4 5 6 249 8 9 10 11 12 13 14 15 16 17 18 19 250 251 252 253 254 255 256 257 258 259 260 261 262 263
264 265 266 267 268 269 270 271 272 273 274 275 276 277 278 279 280 281 282 283 284 285 286 287 288 289 290
291 292 293 294 295 296 297 298 299 300 301 302 303 304 305 306 307 308 309 310 311 312 313 314 315 316 317
318 319 320 321 322 323 94 324 325 326 327 328 329 330 331 332 333 334 335 336 337 338 339 340 341 342 343 344
345 346 347 348 349 350 351 352 353 354 355 356 357 358 359 360 361 362 363 364 365 366 367 368 369 370 371
372 373 374 375 376 377 378 379 151 152 380 381 382 383 384 385 386 387 388 389 390 164 391 392 393 168 394
395 396 397 398 399 175 400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 195 419
197 420 199 200 421 422 423 424 425 426 427 428 429 430 431 432 433 434 435 436 437 438 439 440 441 442 443
444 445 446 447 448 449 450 451 452 453 454 455 456 457 458 459 460 461 462 463 464 465 466 467 3 7 20 21 22
23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59
60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 95 96 97
98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125
126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143 144 145 146 147 148 149 150 153 154
155 156 157 158 159 160 161 162 163 165 166 167 169 170 171 172 173 174 176 177 178 179 180 181 182 183 184
185 186 187 188 189 190 191 192 193 194 196 198 201 202 203 204 205 206 207 208 209 210 211 212 213 214 215
216 217 218 219 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242
243 244 245 246 247
"""

FACEMESH = _facemesh()
ATTENTION = _attention()

# The subject's right and left of FAN's points, in the order in which they mirror each other.
_FAN_PAIRS = [
    (_numbers(right), _numbers(left))
    for right, left in (
        ("0 1 2 3 4 5 6 7", "16 15 14 13 12 11 10 9"),
        ("17 18 19 20 21", "26 25 24 23 22"),
        ("31 32", "35 34"),
        ("36 37 38 39 40 41", "45 44 43 42 47 46"),
        ("48 49 50 58 59 60 61 67", "54 53 52 56 55 64 63 65"),
    )
]
_FAN_RIGHT_HALF = {
    "brows": "17 18 19 20 21",
    "eyes": "36 37 38 39 40 41",
    "nose": "27 28 29 30 31 32 33",
    "cheeks": "0 1 2",
    "lips": "48 49 50 51 57 58 59 60 61 62 66 67",
    "jaw_line": "3 4 5 6 7 8",
    "lips_outer": "48 49 50 51 57 58 59",
    "lips_inner": "60 61 62 66 67",
    "upper_lip": "49 50 51 61 62",
    "lower_lip": "57 58 59 66 67",
    "eye_rims": "36 37 38 39 40 41",
    "face_oval": "0 1 2 3 4 5 6 7 8",
}
_FAN_CONTOURS = (
    "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
    "17 18 19 20 21",
    "22 23 24 25 26",
    "27 28 29 30",
    "31 32 33 34 35",
    "36 37 38 39 40 41 36",
    "42 43 44 45 46 47 42",
    "48 49 50 51 52 53 54 55 56 57 58 59 48",
    "60 61 62 63 64 65 66 67 60",
)

FAN = _fan()
