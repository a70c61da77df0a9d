"""The veraPDF validator: does a PDF keep every rule of PDF/UA-1 and PDF/A-2a that a program can check?"""
