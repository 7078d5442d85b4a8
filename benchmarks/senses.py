"""One word in several meanings: do its vectors in context part the meanings?

    python benchmarks/senses.py [--english all-minilm-l6-v2] [--korean FOLDER] [--layers 3,4]

Sentences written for this, ten a meaning. Each sentence's vector of the word is looked up by its
nearest one (cosine) in the other sentences: right if that has the same meaning. The control is the
network's own static vector of the word as it stands there, particle and all: its token embeddings,
with no sentence around it. Where the word has one form, all cosines are alike and it is right by
chance. A second control shuffles the meanings.
"""

from __future__ import annotations

import argparse

import numpy as np
from _shared import head, row

import sememe

BANK = {
    "money": """
        She opened an account at the bank last week.
        The bank refused to lend him the money.
        He deposited his salary in the bank on Friday.
        The bank raised its interest rates again.
        A robber stole thousands from the bank downtown.
        My bank charges a fee for every transfer.
        The bank approved our mortgage yesterday.
        Investors worry that the bank may fail.
        You can change dollars at the bank counter.
        The manager of the bank signed the loan.""",
    "river": """
        We sat on the bank and watched the boats pass.
        The river burst its bank after the storm.
        Willows grow along the muddy bank of the stream.
        He pulled the canoe up onto the bank.
        An otter slid down the bank into the water.
        They fished from the opposite bank all morning.
        The path follows the left bank of the Danube.
        Reeds covered the bank where the ducks nest.
        The children swam across to the far bank.
        Floods washed away the bank below the bridge.""",
}
BAE = {
    "ship": """
        그들은 배를 타고 섬으로 떠났다.
        항구에 커다란 배 한 척이 들어왔다.
        태풍 때문에 배가 뒤집혔다.
        어부는 새벽마다 배를 몰고 바다로 나간다.
        선장은 배의 방향을 북쪽으로 돌렸다.
        제주로 가는 배가 오늘은 뜨지 않는다.
        해군은 새로운 배를 건조하였다.
        강을 건너려면 나루터에서 배를 기다려야 한다.
        암초에 부딪힌 배는 곧 침몰하였다.
        화물을 실은 배가 운하를 지나갔다.""",
    "pear": """
        가을이면 사과와 배를 수확한다.
        나주는 달고 시원한 배로 유명하다.
        할머니는 배를 깎아 접시에 담았다.
        과일 가게에서 배와 포도를 샀다.
        고기를 재울 때 배를 갈아 넣는다.
        올해는 배 농사가 풍년이다.
        차례상에 대추와 밤, 배를 올린다.
        이 배는 즙이 많고 맛이 달다.
        과수원에서 잘 익은 배를 땄다.
        감기에 걸려 꿀을 넣은 배를 쪄 먹었다.""",
    "belly": """
        점심을 많이 먹어서 배가 부르다.
        아이가 배가 아프다며 울었다.
        며칠을 굶은 병사들은 배가 고팠다.
        운동을 안 했더니 배가 나왔다.
        의사는 환자의 배를 눌러 보았다.
        고양이가 배를 드러내고 누워 있다.
        임신한 그녀의 배가 점점 불러 왔다.
        칼에 배를 찔린 남자가 쓰러졌다.
        찬 것을 먹으면 배에 탈이 난다.
        웃다가 배를 잡고 쓰러졌다.""",
}


def sentences(senses: dict[str, str]) -> tuple[list[str], np.ndarray]:
    """Return the sentences, and the number of each one's meaning."""
    lines = [text.strip().split("\n") for text in senses.values()]
    texts = [line.strip() for own in lines for line in own]
    return texts, np.repeat(np.arange(len(lines)), [len(own) for own in lines])


def accuracy(vectors: np.ndarray, senses: np.ndarray) -> float:
    """Return how often the nearest other vector has the same meaning; ties count by share."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (unit @ unit.T).round(5)
    np.fill_diagonal(cosines, -2)
    nearest = cosines == cosines.max(axis=1, keepdims=True)
    same = senses[:, None] == senses
    return float(((nearest & same).sum(axis=1) / nearest.sum(axis=1)).mean())


def gap(vectors: np.ndarray, senses: np.ndarray) -> float:
    """Return the mean cosine within a meaning less that between two."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines, same = unit @ unit.T, senses[:, None] == senses
    other = ~np.eye(len(senses), dtype=bool)
    return float(cosines[same & other].mean() - cosines[~same].mean())


def measure(model: str, word: str, senses: dict[str, str], layers: list[int] | None) -> None:
    """Print a row each for the vectors in context and the controls."""
    texts, kinds = sentences(senses)
    encoder = sememe.load(model)
    found = np.stack([t.at(word) for t in encoder.encode_tokens(texts, layers=layers)])
    bare = [next(part.strip(".,") for part in text.split() if word in part) for text in texts]
    alone = np.stack([t.at(word) for t in encoder.encode_tokens(bare, layers=[0])])
    mixed = np.random.default_rng(0).permutation(kinds)
    for name, vectors, labels in (
        ("in context", found, kinds),
        ("static", alone, kinds),
        ("in context, meanings shuffled", found, mixed),
    ):
        figures = f"{accuracy(vectors, labels):.3f}", f"{gap(vectors, labels):.3f}"
        print(row(f"{word} ({len(senses)} meanings)", name, *figures), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--english", default="all-minilm-l6-v2")
    parser.add_argument("--korean", help="a BERT that reads Korean, as `sememe train mlm` makes")
    parser.add_argument("--layers", help="whose mean is taken, as 3,4; the last unless told")
    options = parser.parse_args()
    layers = options.layers and [int(part) for part in options.layers.split(",")]
    print(head("word", "vectors", "nearest has the meaning", "cosine within less between"))
    measure(options.english, "bank", BANK, layers)
    if options.korean:
        measure(options.korean, "배", BAE, layers)


if __name__ == "__main__":
    main()
