def add_score(score, scores=None):
    if scores is None:
        scores = []
    scores.append(score)
    return scores


def best_scores(games):
    best = {}
    for player, score in games:
        if player not in best or score > best[player]:
            best[player] = score
    return best
