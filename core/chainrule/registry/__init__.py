"""What is installed: found, isolated where it is broken, admitted, and made from what people write.

What may not live here: the name of a component, or what one does.
"""
