"""Six Korean words in two groups: pets and fruit.

python examples/fruit_and_pets.py
"""

import sememe
from sememe.space import central_words, cluster, purity

words = ["강아지", "고양이", "토끼", "사과", "바나나", "오렌지"]
truth = ["pet", "pet", "pet", "fruit", "fruit", "fruit"]

vectors = sememe.load().encode(words)
found = cluster(vectors, k=2)

for label, name in enumerate(central_words(found, words, vectors, k=1)):
    members = " ".join(words[i] for i in found.members(label))
    print(f"{name[0]}: {members}")
print(f"purity {purity(found.labels, truth):.2f}, silhouette {found.silhouette:.2f}")
