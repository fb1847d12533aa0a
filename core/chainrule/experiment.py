Result = load_run = train = None
