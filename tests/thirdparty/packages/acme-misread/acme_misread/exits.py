raise SystemExit("this module is a script")
