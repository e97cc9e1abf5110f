"""PubMed's ten tables as a Django app, for the contenders `django-bulk` and `django-transaction`."""
