class Book:
    def __init__(self, title, pages):
        self.title = title
        self.pages = pages
        self.lent = False


class Shelf:
    def __init__(self):
        self.books = []

    def add(self, title, pages):
        self.books.append(Book(title, pages))

    def lend(self, title):
        for book in self.books:
            if book.title == title and not book.lent:
                book.lent = True
                return True
        return False

    def pages_left(self):
        return sum(book.pages for book in self.books if not book.lent)


def use(books, wanted):
    shelf = Shelf()
    for title, pages in books:
        shelf.add(title, pages)
    done = [shelf.lend(title) for title in wanted]
    return done, shelf.pages_left()
