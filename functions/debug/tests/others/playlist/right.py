class Song:
    def __init__(self, title, seconds):
        self.title = title
        self.seconds = seconds

    def __repr__(self):
        minutes, seconds = divmod(self.seconds, 60)
        return f"{self.title} {minutes}:{seconds:02d}"


class Playlist:
    def __init__(self, songs=None):
        self.songs = list(songs or [])
        self.position = 0

    def next(self):
        if not self.songs:
            return None
        song = self.songs[self.position]
        self.position = (self.position + 1) % len(self.songs)
        return song

    def total(self):
        return sum(song.seconds for song in self.songs)


def play(lengths, times):
    songs = [Song(f"s{i}", length) for i, length in enumerate(lengths)]
    player = Playlist(songs)
    heard = [repr(player.next()) for _ in range(times)]
    return heard, player.total()
